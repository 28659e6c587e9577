// SPDX-License-Identifier: Apache-2.0
import type { Messages } from '.'
import { en } from './en'
export const messages: Messages = en

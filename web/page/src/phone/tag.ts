// SPDX-License-Identifier: Apache-2.0
/** Of the service worker's notification that somebody calls: there is one at most. */
export const WAKE_UP_TAG = 'sotto-call'

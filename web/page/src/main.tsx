// SPDX-License-Identifier: Apache-2.0
// The page begins here: the telephone, what is known of it, and what is seen.
import { render } from 'preact'
import { make_phone } from './phone/client'
import { App } from './ui/app'
import { Model } from './ui/model'
import './ui/style.css'

const phone = make_phone()
const model = new Model(phone)
// The relay is told anew where to wake this browser, if that is on.
model.onOpened = () => void phone.renew_push().catch(() => undefined)
const root = document.getElementById('app')
if (root) render(<App model={model} />, root)
void model.start()

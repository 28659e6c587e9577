// SPDX-License-Identifier: Apache-2.0
// What is told beside the screen: notices that go by themselves, and one question at a time.
import { t, type Key, type Params } from '../i18n'
import { problemText } from './errors'

export const TOASTS_MAX = 3
const TOAST_MS = 6000
const UNDO_MS = 10000

export interface Toast { id: number; text: string; action?: { label: string; run: () => void } }
export interface Question {
  title: string; text: string; confirm: string; danger: boolean; answer: (yes: boolean) => void
}

export class Notices {
  toasts: Toast[] = []
  question: Question | null = null

  private nextToast = 1

  constructor(private readonly changed: () => void) {}

  tell(error: unknown): void {
    this.toast(problemText(error))
  }

  toast(text: string, action?: Toast['action']): number {
    const toast: Toast = { id: this.nextToast++, text, ...(action ? { action } : {}) }
    this.toasts = [...this.toasts, toast].slice(-TOASTS_MAX)
    setTimeout(() => this.untoast(toast.id), action ? UNDO_MS : TOAST_MS)
    this.changed()
    return toast.id
  }

  say(key: Key, params: Params = {}): void {
    this.toast(t(key, params))
  }

  untoast(id: number): void {
    this.toasts = this.toasts.filter(toast => toast.id !== id)
    this.changed()
  }

  ask(title: string, text: string, confirm: string, danger = false): Promise<boolean> {
    return new Promise(resolve => {
      this.question = {
        title, text, confirm, danger,
        answer: yes => {
          this.question = null
          this.changed()
          resolve(yes)
        },
      }
      this.changed()
    })
  }
}

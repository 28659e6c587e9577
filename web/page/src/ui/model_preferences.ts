// SPDX-License-Identifier: Apache-2.0
// What the page itself keeps: the language, the look, do not disturb, what was seen and used.
import { chooseLanguage, currentLanguage, direction, setLanguage, type Language } from '../i18n'
import { keep_quiet } from '../phone/quiet'
import { nowS } from './format'
import { FOREVER, forgetPrefs, loadPrefs, savePrefs, type Prefs, type Theme } from './prefs'

export class Preferences {
  now: Prefs = loadPrefs()

  constructor(private readonly changed: () => void) {}

  /** Before anything is shown. */
  async apply(): Promise<void> {
    await this.applyLanguage(this.now.language ?? chooseLanguage(navigator.languages))
    this.applyTheme()
    void keep_quiet(this.now.quiet_until)
  }

  keep(prefs: Partial<Prefs>): void {
    this.now = { ...this.now, ...prefs }
    savePrefs(this.now)
    this.changed()
  }

  forget(): void {
    forgetPrefs()
    void keep_quiet(0)
    this.now = loadPrefs()
    this.applyTheme()
  }

  countUse(contact: string): void {
    this.keep({ uses: { ...this.now.uses, [contact]: (this.now.uses[contact] ?? 0) + 1 } })
  }

  quiet(): boolean {
    return this.now.quiet_until === FOREVER || this.now.quiet_until > nowS()
  }

  /** Shown once the service worker would find it: the page may be closed the moment after. */
  async keepQuiet(until: number): Promise<void> {
    await keep_quiet(until)
    this.keep({ quiet_until: until })
  }

  async applyLanguage(lang: Language): Promise<void> {
    try {
      await setLanguage(lang)
    } catch {
      // Offline and not there: what is shown stays in the language it has.
    }
    document.documentElement.lang = currentLanguage()
    document.documentElement.dir = direction()
    this.changed()
  }

  setLanguage(lang: Language): void {
    this.keep({ language: lang })
    void this.applyLanguage(lang)
  }

  setTheme(theme: Theme): void {
    this.keep({ theme })
    this.applyTheme()
  }

  private applyTheme(): void {
    if (this.now.theme === 'auto') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = this.now.theme
  }
}

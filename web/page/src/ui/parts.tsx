// SPDX-License-Identifier: Apache-2.0
// What every screen is made of.
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useId, useLayoutEffect, useReducer, useRef } from 'preact/hooks'
import { t } from '../i18n'
import { initials } from './format'
import { Icon, type IconName } from './icons'
import type { Model } from './model'

// ---- the model in the tree ---------------------------------------------------------------------

export const ModelContext = createContext<Model | null>(null)

/** The model; whoever uses it is drawn again when it changes. */
export function useModel(): Model {
  const model = useContext(ModelContext)
  if (!model) throw new Error('no model')
  const [, again] = useReducer((n: number) => n + 1, 0)
  const drawn = model.version
  useLayoutEffect(() => {
    if (model.version !== drawn) again(0) // it changed between the drawing and now
    return model.subscribe(() => again(0))
  }, [model])
  return model
}

// ---- buttons ------------------------------------------------------------------------------------

type ButtonProps = {
  children: ComponentChildren
  kind?: 'primary' | 'plain' | 'quiet' | 'danger' | 'end'
  icon?: IconName
  big?: boolean
  submit?: boolean
  disabled?: boolean
  busy?: boolean
  autofocus?: boolean
  shortcut?: string
  onClick?: () => void
}

export function Button(p: ButtonProps) {
  const classes = ['button', p.kind ?? 'plain', p.big ? 'big' : ''].filter(Boolean).join(' ')
  return (
    <button type={p.submit ? 'submit' : 'button'} class={classes} disabled={p.disabled || p.busy}
      aria-busy={p.busy} aria-keyshortcuts={p.shortcut} onClick={p.onClick}>
      {p.icon && <Icon name={p.icon} />}
      <span>{p.children}</span>
    </button>
  )
}

/** A round button with its name below: the call's controls. */
export function RoundButton(p: {
  icon: IconName; label: string; on?: boolean; tone?: 'answer' | 'end'; shortcut?: string; onClick: () => void
}) {
  const pressed = p.on === undefined ? {} : { 'aria-pressed': p.on }
  return (
    <button type="button" class={`round ${p.tone ?? ''}`} onClick={p.onClick} aria-keyshortcuts={p.shortcut} {...pressed}>
      <span class="disc"><Icon name={p.icon} size={28} /></span>
      <span class="name">{p.label}</span>
    </button>
  )
}

/** A line of a list that leads somewhere. */
export function Row(p: {
  title: ComponentChildren; text?: ComponentChildren; icon?: IconName; end?: ComponentChildren; onClick: () => void
}) {
  return (
    <button type="button" class="row" onClick={p.onClick}>
      {p.icon && <Icon name={p.icon} />}
      <span class="row-text">
        <span class="row-title">{p.title}</span>
        {p.text && <span class="row-note">{p.text}</span>}
      </span>
      {p.end ?? <Icon name="next" size={20} />}
    </button>
  )
}

export function Avatar({ label }: { label: string }) {
  return <span class="avatar" aria-hidden="true">{initials(label)}</span>
}

// ---- fields ---------------------------------------------------------------------------------------

type FieldProps = {
  label: string
  hint?: ComponentChildren
  error?: string | null
  value: string
  onInput: (value: string) => void
  type?: 'text' | 'password' | 'date' | 'number'
  rows?: number
  max?: number
  required?: boolean
  autocomplete?: string
  ltr?: boolean // links, codes, words: written from left to right in every language
  min?: string
  autofocus?: boolean
}

export function Field(p: FieldProps) {
  const id = useId()
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null)
  useEffect(() => { if (p.autofocus) input.current?.focus() }, [])
  const described = [p.hint ? `${id}-hint` : '', p.error ? `${id}-error` : ''].filter(Boolean).join(' ')
  const shared = {
    id, ref: input, value: p.value, maxLength: p.max, required: p.required, spellcheck: false,
    autocomplete: p.autocomplete ?? 'off', autocapitalize: 'off', dir: p.ltr ? 'ltr' : 'auto',
    'data-autofocus': p.autofocus ? '' : undefined, 'aria-describedby': described || undefined, 'aria-invalid': p.error ? true : undefined,
    onInput: (event: Event) => p.onInput((event.currentTarget as HTMLInputElement).value),
  } as const
  return (
    <div class="field">
      <label for={id}>{p.label}</label>
      {p.hint && <p class="hint" id={`${id}-hint`}>{p.hint}</p>}
      {p.rows ? <textarea {...shared} rows={p.rows} /> : <input {...shared} {...{ type: p.type ?? 'text', min: p.min } as object} />}
      {p.error && <p class="field-error" id={`${id}-error`} role="alert"><Icon name="warning" size={20} />{p.error}</p>}
    </div>
  )
}

/** A few things of which one is chosen, as large chips or as cards with a text. */
export function Choice<T extends string>(p: {
  legend: string; value: T; options: { value: T; label: string; text?: string }[]; onChange: (value: T) => void
  hideLegend?: boolean
}) {
  const name = useId()
  const cards = p.options.some(option => option.text)
  return (
    <fieldset class={cards ? 'choice cards' : 'choice'}>
      <legend class={p.hideLegend ? 'unseen' : ''}>{p.legend}</legend>
      <div class="options">
        {p.options.map(option => (
          <label key={option.value} class="option">
            <input type="radio" name={name} value={option.value} checked={p.value === option.value}
              onChange={() => p.onChange(option.value)} />
            <span class="option-label">{option.label}</span>
            {option.text && <span class="option-text">{option.text}</span>}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

export function Switch(p: { label: string; text?: string; on: boolean; disabled?: boolean; onChange: (on: boolean) => void }) {
  const id = useId()
  return (
    <div class="switch-row">
      <span class="row-text">
        <span class="row-title" id={id}>{p.label}</span>
        {p.text && <span class="row-note" id={`${id}-text`}>{p.text}</span>}
      </span>
      <button type="button" role="switch" class="switch" aria-checked={p.on} aria-labelledby={id} disabled={p.disabled}
        aria-describedby={p.text ? `${id}-text` : undefined} onClick={() => p.onChange(!p.on)}>
        <span class="knob" />
      </button>
    </div>
  )
}

// ---- notices ----------------------------------------------------------------------------------------

export function Notice(p: {
  kind?: 'info' | 'warning' | 'alarm' | 'good'; title?: string; children: ComponentChildren; live?: boolean
}) {
  const kind = p.kind ?? 'info'
  const icon: IconName = kind === 'info' ? 'info' : kind === 'good' ? 'shieldcheck' : 'warning'
  return (
    <div class={`notice ${kind}`} role={p.live ? (kind === 'alarm' ? 'alert' : 'status') : undefined}>
      <Icon name={icon} />
      <div class="notice-text">
        {p.title && <p class="notice-title">{p.title}</p>}
        {p.children}
      </div>
    </div>
  )
}

export function Working({ text }: { text: string }) {
  return <p class="working" role="status"><span class="pulse" aria-hidden="true" />{text}</p>
}

// ---- screens ------------------------------------------------------------------------------------------

/** A whole screen. Its heading takes the focus when it appears, so that it is read out. */
export function Screen(p: {
  title: string; onBack?: () => void; children: ComponentChildren; actions?: ComponentChildren; lead?: ComponentChildren
  narrow?: boolean; tools?: ComponentChildren; above?: ComponentChildren // a face: then all of the head is centred
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${p.title} · sotto`
    // A field that asks for the focus by itself keeps it.
    if (!document.activeElement?.matches('[data-autofocus]')) heading.current?.focus({ preventScroll: true })
  }, [p.title])
  return (
    <main class={['screen', p.narrow ? 'narrow' : '', p.above ? 'faced' : ''].filter(Boolean).join(' ')}>
      <header class="screen-head">
        {p.above}
        {p.onBack && (
          <button type="button" class="back" onClick={p.onBack} aria-label={t('back')}><Icon name="back" /></button>
        )}
        <h1 ref={heading} tabIndex={-1}>{p.title}</h1>
        {p.tools}
      </header>
      {p.lead && <p class="lead">{p.lead}</p>}
      <div class="screen-body">{p.children}</div>
      {p.actions && <div class="actions">{p.actions}</div>}
    </main>
  )
}

/** A modal question or sheet. Escape and a click beside it close it. */
export function Dialog(p: { title: string; onClose: () => void; children: ComponentChildren; alarm?: boolean }) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    // It is gone from the page before it could close by itself, so the focus goes back by hand, unless
    // another screen has taken it.
    return () => queueMicrotask(() => {
      const lost = document.activeElement === null || document.activeElement === document.body
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus()
    })
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} role={p.alarm ? 'alertdialog' : undefined}
      onCancel={event => { event.preventDefault(); p.onClose() }}
      onClick={event => { if (event.target === dialog.current) p.onClose() }}>
      <div class="dialog-body">
        <h2 id={id}>{p.title}</h2>
        {p.children}
      </div>
    </dialog>
  )
}

export function Question() {
  const model = useModel()
  const question = model.notices.question
  if (!question) return null
  return (
    <Dialog title={question.title} onClose={() => question.answer(false)} alarm>
      <p>{question.text}</p>
      <div class="dialog-actions">
        <Button kind={question.danger ? 'danger' : 'primary'} onClick={() => question.answer(true)}>{question.confirm}</Button>
        <Button kind="plain" onClick={() => question.answer(false)}>{t('cancel')}</Button>
      </div>
    </Dialog>
  )
}

export function Toasts() {
  const model = useModel()
  return (
    <div class="toasts" role="status" aria-live="polite">
      {model.notices.toasts.map(toast => (
        <div class="toast" key={toast.id}>
          <span>{toast.text}</span>
          {toast.action && (
            <button type="button" onClick={() => { model.notices.untoast(toast.id); toast.action?.run() }}>{toast.action.label}</button>
          )}
          <button type="button" class="toast-close" aria-label={t('close')} onClick={() => model.notices.untoast(toast.id)}>
            <Icon name="close" size={20} />
          </button>
        </div>
      ))}
    </div>
  )
}

// ---- keys --------------------------------------------------------------------------------------------

/** Single keys, as in the terminal program. Not while something is typed, nor behind a dialog. */
export function useKeys(keys: Record<string, () => void>): void {
  const model = useContext(ModelContext)
  const current = useRef(keys)
  current.current = keys
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.defaultPrevented) return
      const target = event.target instanceof Element ? event.target : null
      if (target?.closest('input, textarea, select, dialog, [contenteditable]')) return
      if (event.key === 'Enter' && target?.closest('button, a, summary, [role=switch]')) return
      if (event.key.length === 1 && model?.preferences.now.keys === false) return
      const run = current.current[event.key.length === 1 ? event.key.toLowerCase() : event.key]
      if (!run) return
      event.preventDefault()
      run()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}

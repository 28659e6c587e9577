// SPDX-License-Identifier: Apache-2.0
// A rough guess at how long a passphrase would hold: help for whoever chooses one, not a judgement.

export const PASSPHRASE_MIN = 8
export type Strength = 'short' | 'weak' | 'fair' | 'strong'

const WEAK_BITS = 40
const STRONG_BITS = 64

function alphabet(text: string): number {
  let size = 0
  if (/[a-z]/.test(text)) size += 26
  if (/[A-Z]/.test(text)) size += 26
  if (/[0-9]/.test(text)) size += 10
  if (/[^A-Za-z0-9]/.test(text)) size += 20
  return Math.max(size, 2)
}

/** Repeated and consecutive characters count little; words of a passphrase count as words. */
export function strength(text: string): Strength {
  const characters = [...text]
  if (characters.length < PASSPHRASE_MIN) return 'short'
  const words = new Set(text.toLowerCase().split(/[\s-]+/).filter(word => word.length > 2))
  const step = (i: number): number => (characters[i]!.codePointAt(0)! - characters[i - 1]!.codePointAt(0)!)
  const telling = characters.filter((_, i) => i === 0 || Math.abs(step(i)) > 1).length
  const byCharacters = Math.min(telling, new Set(characters).size * 2) * Math.log2(alphabet(text)) * 0.75
  const byWords = words.size * 16
  const bits = words.size >= 3 ? Math.max(byWords, Math.min(byCharacters, byWords * 1.2)) : byCharacters
  return bits < WEAK_BITS ? 'weak' : bits < STRONG_BITS ? 'fair' : 'strong'
}

import { InvalidArgumentError } from 'commander';

/** For commander: a whole number above zero. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('give a whole number above zero');
  return Number(text);
}

/** For commander: an option that may be given several times. */
export function collect(text: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}

/** For commander: `key=value`, several times. */
export function collectPair(text: string, earlier: Record<string, string> | undefined): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('give key=value');
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

const SHORTEST = 3;

/** Puts `[masked]` in the place of secrets, line by line: a secret of several lines is masked in each of them. */
export class SecretMask {
  private readonly secrets = new Set<string>();
  private pattern: RegExp | null = null;

  /** Values shorter than three characters are left alone: masking them would say more than it hides. */
  add(values: readonly string[]): void {
    for (const line of values.flatMap((value) => [value, ...value.split('\n')])) {
      const secret = line.trim();
      if (secret.length >= SHORTEST) this.secrets.add(secret);
    }
    const longestFirst = [...this.secrets].sort((a, b) => b.length - a.length);
    this.pattern = longestFirst.length === 0 ? null : new RegExp(longestFirst.map(quote).join('|'), 'g');
  }

  apply(text: string): string {
    return this.pattern === null ? text : text.replace(this.pattern, '[masked]');
  }
}

const quote = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

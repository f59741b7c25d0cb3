/** A package archive as apt knows it. */
export interface Archive {
  uri: string;
  suite: string;
  components: readonly string[];
}

const ONE_LINE = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/;

/** Reads `sources.list` lines: sources.list(5), "one-line-style format". Source packages and comments are left out. */
export function parseOneLineSources(text: string): Archive[] {
  return text.split('\n').flatMap((line) => {
    const match = ONE_LINE.exec((line.split('#')[0] ?? '').trim());
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) return [];
    return [{ uri: withoutSlash(match[1]), suite: match[2], components: match[3].trim().split(/\s+/) }];
  });
}

/** Reads `*.sources` stanzas: sources.list(5), "deb822-style format". */
export function parseDeb822Sources(text: string): Archive[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  return lines
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap(stanzaArchives);
}

function stanzaArchives(stanza: string): Archive[] {
  const fields = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of stanza.split('\n')) {
    const field = /^([A-Za-z0-9-]+):(.*)$/.exec(line);
    if (field?.[1] !== undefined) {
      last = words(field[2] ?? '');
      fields.set(field[1].toLowerCase(), last);
    } else if (/^\s/.test(line)) last?.push(...words(line));
  }
  const list = (name: string) => fields.get(name) ?? [];
  if (!list('types').includes('deb') || list('enabled')[0]?.toLowerCase() === 'no') return [];
  return list('uris').flatMap((uri) =>
    list('suites').map((suite) => ({ uri: withoutSlash(uri), suite, components: list('components') })),
  );
}

/**
 * The archives of one release among this computer's own, the release pocket first; empty where it has none. Only
 * archives with `main` count: third parties rarely have one under a release's code name, and are never wanted here.
 */
export function archivesOf(archives: readonly Archive[], codename: string): Archive[] {
  const pockets = [codename, `${codename}-updates`, `${codename}-security`];
  return pockets.flatMap((suite) => {
    const found = archives.filter((a) => a.suite === suite && a.components.includes('main'));
    return found.slice(0, 1);
  });
}

function words(text: string): string[] {
  return text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/**
 * Where the supervisor, which is root, keeps the builds that it makes for its server, which is not: nothing of it may be
 * the server's to change. `cacheDir` is the server's own, as set.
 */
export function rootCacheDir(cacheDir: string | undefined): string {
  return cacheDir === undefined ? '/var/cache/muster' : `${cacheDir}.root`;
}

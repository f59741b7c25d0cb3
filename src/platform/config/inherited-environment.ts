/** What a child process of muster inherits: the whole environment, with our settings in it. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}

import { Argument } from 'commander';
import { wordsAfter } from './completion-words.js';
import type { Register } from './context.js';

const SCRIPTS = {
  bash: `_muster() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(muster completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _muster muster`,
  zsh: `#compdef muster
_muster() {
  local -a found
  found=("\${(@f)$(muster completion words -- "\${(@)words[2,CURRENT-1]}" 2>/dev/null)}")
  compadd -a found || _files
}
compdef _muster muster`,
  fish: `complete -c muster -f -a '(muster completion words -- (commandline -opc)[2..-1] 2>/dev/null)'`,
};

/** `muster completion bash|zsh|fish`. */
export const registerCompletion: Register = (program, context) => {
  const completion = program.command('completion').summary('print the completion script of a shell');
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    completion
      .command(shell)
      .summary(`for ${shell}`)
      .addHelpText('after', `\nExample:\n  muster completion ${shell} > ${placeOf(shell)}`)
      .action(() => context.print(SCRIPTS[shell]));
  }
  completion
    .command('words', { hidden: true })
    .addArgument(new Argument('[line...]'))
    .allowUnknownOption()
    .action(async (line: string[]) => {
      for (const word of await wordsAfter(program, context, line)) context.print(word);
    });
};

function placeOf(shell: 'bash' | 'zsh' | 'fish'): string {
  if (shell === 'bash') return '/etc/bash_completion.d/muster';
  return shell === 'zsh' ? '"${fpath[1]}/_muster"' : '~/.config/fish/completions/muster.fish';
}

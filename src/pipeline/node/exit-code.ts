import type { StepOutcome } from '../step-handler.js';

type Failed = Extract<StepOutcome, { kind: 'failed' }>;

/**
 * What a script's exit code says, by the shell's rules (126, 127: POSIX.1-2017, Shell Command Language, 2.8.2; 2: wrong
 * use or syntax) and sysexits.h (75 EX_TEMPFAIL, 77 EX_NOPERM, 78 EX_CONFIG). Any other failure may pass (a mirror that
 * was away), so it is tried again, but only where the step may be repeated.
 */
export function exitOutcome(code: number, repeatable: boolean, lastLine: string): Failed {
  const reason = `exit code ${code}${lastLine === '' ? '' : `: ${lastLine}`}`;
  const failed = (failure: Failed['failure'], hint?: string): Failed => ({
    kind: 'failed',
    failure,
    reason,
    exitCode: code,
    ...(hint === undefined ? {} : { hint }),
  });
  switch (code) {
    case 75:
      return failed('transient');
    case 78:
      return failed('needs-operator', 'the script says that its configuration is wrong; mend it and retry the step');
    case 2:
    case 77:
      return failed('permanent');
    case 126:
      return failed('permanent', 'it could not be started: does its first line (#!…) name a program of the node?');
    case 127:
      return failed(
        'permanent',
        'a command is not on the node: an earlier step has to install it (or the first line, #!…, names one that is not there)',
      );
    default:
      return failed(repeatable ? 'transient' : 'permanent');
  }
}

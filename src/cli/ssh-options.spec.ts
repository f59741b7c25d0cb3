import { expect, it } from 'vitest';
import { splitSshArguments } from './ssh-options.js';

it.each([
  { given: [], options: [], command: [] },
  { given: ['uptime'], options: [], command: ['uptime'] },
  { given: ['uptime', '-p'], options: [], command: ['uptime', '-p'] },
  { given: ['-L', '8080:localhost:80'], options: ['-L', '8080:localhost:80'], command: [] },
  { given: ['-L8080:localhost:80', 'ls', '-l'], options: ['-L8080:localhost:80'], command: ['ls', '-l'] },
  { given: ['-tt', '-vL', '1:a:2', 'top'], options: ['-tt', '-vL', '1:a:2'], command: ['top'] },
  { given: ['-t', '--', '-odd'], options: ['-t'], command: ['-odd'] },
  { given: ['-o', 'LogLevel=DEBUG', 'id'], options: ['-o', 'LogLevel=DEBUG'], command: ['id'] },
])('ssh arguments $given', ({ given, options, command }) => {
  expect(splitSshArguments(given)).toEqual({ options, command });
});

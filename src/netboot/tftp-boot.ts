import { type BootNonces, usableMac } from '../machines/index.js';
import type { Clock } from '../platform/clock.js';
import type { BootObserver } from './boot-client.js';
import { type BootContent, memoryFileFor } from './boot-content.js';
import { agentUrl, bootUrl } from './boot-file.js';
import { type BootScripts, scriptEvent } from './boot-scripts.js';
import { grubStub } from './grub-config.js';
import type { TftpClient, TftpContent } from './tftp/index.js';

interface TftpBootParts {
  scripts: BootScripts;
  nonces: BootNonces;
  content: Pick<BootContent, 'memoryFile'>;
  observer: BootObserver;
  clock: Clock;
  httpPort: number;
  agentPort: number;
}

/**
 * What a GRUB that came by TFTP goes on with: the machine's own configuration, then kernel and initrd under a path that
 * carries its nonce, as over HTTP. Debian's signed network GRUB knows no HTTP, and Secure Boot lets it load no module.
 */
export class TftpBoot {
  constructor(private readonly parts: TftpBootParts) {}

  /** Null: no such name here. */
  async find(name: string, client: TftpClient): Promise<TftpContent | null> {
    const url = bootUrl(client.serverAddress, this.parts.httpPort);
    if (name === 'grub/grub.cfg') return text(grubStub(url, 'tftp'), 'boot file', name);
    const mac = /^boot\/grub\/([0-9A-Fa-f:-]{12,17})\/grub\.cfg$/.exec(name)?.[1];
    if (mac !== undefined) return this.script(usableMac(mac), url, client);
    const [, nonce, file] = /^boot\/n\/([A-Za-z0-9_-]{43})\/(vmlinuz|initrd)$/.exec(name) ?? [];
    return nonce === undefined ? null : this.memoryFile(nonce, file === 'vmlinuz' ? 'kernel' : 'initrd');
  }

  private async script(mac: string | null, url: string, client: TftpClient): Promise<TftpContent | null> {
    if (mac === null) return null;
    const { text: script, decision } = await this.parts.scripts.scriptFor({
      ...{ language: 'grub', transport: 'tftp', mac, uuid: null, architecture: null, choice: null, isHead: false },
      client: client.address,
      bootUrl: url,
      agentUrl: agentUrl(client.serverAddress, this.parts.agentPort),
      scriptUrl: url,
    });
    const seen = { at: this.parts.clock.now(), mac, uuid: null, address: client.address };
    this.parts.observer.seen({ ...seen, ...scriptEvent('grub', decision) });
    return text(script, 'script', 'grub.cfg');
  }

  private async memoryFile(secret: string, role: 'kernel' | 'initrd'): Promise<TftpContent | null> {
    const nonce = await this.parts.nonces.findLive(secret);
    if (nonce === null) return null;
    const { path } = await memoryFileFor(this.parts.content, nonce, role);
    return { source: { path }, stage: role, label: role };
  }
}

function text(content: string, stage: TftpContent['stage'], label: string): TftpContent {
  return { source: Buffer.from(content), stage, label };
}

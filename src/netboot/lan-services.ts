import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { DataSource } from 'typeorm';
import type { BootFiles } from '../images/index.js';
import { LeaseBook, type UnknownMachines } from '../networks/index.js';
import type { Settings } from '../platform/config/index.js';
import { createOnceDurably } from '../platform/files/index.js';
import type { Logger } from '../platform/log/index.js';
import { findAddress } from '../protocol/ipv4/index.js';
import type { BootDecider, BootObserver } from './boot-client.js';
import { DhcpServer } from './dhcp/index.js';
import { TftpServer, type TftpServerOptions } from './tftp/index.js';

interface LanParts {
  dataSource: DataSource;
  settings: Settings;
  bootFiles: BootFiles;
  boot: BootDecider;
  observer: BootObserver;
  log: Logger;
}

/** What answers on the wire below HTTP: DHCP with its leases, and TFTP. */
export class LanServices {
  private leases: LeaseBook | null = null;
  private dhcp: DhcpServer | null = null;
  private tftp: TftpServer | null = null;

  constructor(private readonly parts: LanParts) {}

  /** `content`: what TFTP serves beside boot files. Throws where a port cannot be bound. */
  async start(content: TftpServerOptions['content']): Promise<void> {
    const { boot, log, observer, settings } = this.parts;
    const { interfaces, requestsPerSecondPerSource, lookForOtherDhcpSeconds } = settings.boot;
    const leases = await this.openLeases();
    this.leases = leases;
    const common = { observer, log, interfaces, requestsPerSecondPerSource };
    const { dhcpPort, proxyPort, tftpPort } = settings.boot;
    const lookForOthersMs = lookForOtherDhcpSeconds * 1000;
    this.dhcp = new DhcpServer({ ...common, leases, boot, port: dhcpPort, proxyPort, lookForOthersMs });
    this.tftp = new TftpServer({
      ...common,
      files: this.parts.bootFiles,
      content,
      whoIs: (address) => {
        const known = findAddress(address);
        return known === null ? null : leases.findByAddress(known);
      },
      port: tftpPort,
    });
    await this.dhcp.start();
    await this.tftp.start();
  }

  async stop(): Promise<void> {
    await this.dhcp?.stop();
    await this.tftp?.stop();
    await this.leases?.close();
  }

  /** What the subnet of this address has for machines that nobody knows; null where the subnet is not known. */
  unknownMachinesAt(address: string): UnknownMachines | null {
    const parsed = findAddress(address);
    return parsed === null ? null : (this.leases?.findSubnetContaining(parsed)?.unknownMachines ?? null);
  }

  private async openLeases(): Promise<LeaseBook> {
    const { dataSource, log, settings } = this.parts;
    const dir = join(settings.dataDir, 'leases');
    mkdirSync(dir, { recursive: true });
    const idFile = join(dir, 'server-id');
    await createOnceDurably(idFile, randomUUID());
    const serverId = (await readFile(idFile, 'utf8')).trim();
    return LeaseBook.open({ dataSource, dir, serverId, log, ownAddresses: ownAddresses() });
  }
}

function ownAddresses() {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ family, address }) => (family === 'IPv4' ? (findAddress(address) ?? []) : []));
}

import { Column, CreateDateColumn, Entity, Index, OneToMany, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import type { JsonObject } from '../plan/index.js';
import type { MachineFacts } from './facts.js';
import type { MachineState } from './lifecycle.js';
import { MachineNic } from './machine-nic.entity.js';

export type Firmware = 'bios' | 'uefi';
/** Where a deployed machine's system lives. */
export type DeployTarget = 'disk' | 'ram';

/** A physical (or lab) server that muster boots and owns. */
@Entity('machine')
@Index('machine_name_key', ['name'], { unique: true })
@Index('machine_uuid_key', ['uuid'], { unique: true })
@Index('machine_claim_key', ['claim'], { unique: true })
@Index('machine_updated_at', ['updatedAt'])
@Index('machine_awaited', ['windowUntil'], { where: "state = 'declared' and uuid is null" })
export class Machine {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'machine_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: 'declared' })
  state!: MachineState;

  /** The operation that its state names went wrong; the reason is for people. */
  @Column({ type: 'boolean', default: false })
  failed!: boolean;

  @Column({ name: 'failed_reason', type: 'text', nullable: true })
  failedReason!: string | null;

  /** Rises with every change of state; a change is conditional on the version that was seen. */
  @Column({ type: 'integer', default: 1 })
  version!: number;

  /** The state that `rescue` or `testing` was entered from. */
  @Column({ name: 'previous_state', type: 'text', nullable: true })
  previousState!: MachineState | null;

  /** SMBIOS UUID, lower case with dashes; null where it has none, or one that vendors repeat. */
  @Column({ type: 'text', nullable: true })
  uuid!: string | null;

  /** `amd64`, `arm64`. */
  @Column({ type: 'text', nullable: true })
  architecture!: string | null;

  @Column({ type: 'text', nullable: true })
  firmware!: Firmware | null;

  /** `qemu`, `ipmi`, `redfish` …; null: nobody can switch it on for us. */
  @Column({ name: 'power_driver', type: 'text', nullable: true })
  powerDriver!: string | null;

  @Column({ name: 'power_parameters', type: 'jsonb', default: () => "'{}'" })
  powerParameters!: Record<string, string>;

  /** The secret parameters, as sealed JSON. */
  @Column({ name: 'power_secrets', type: 'text', nullable: true })
  powerSecrets!: string | null;

  @Column({ type: 'jsonb', nullable: true })
  facts!: MachineFacts | null;

  @Column({ name: 'facts_at', type: 'timestamptz', nullable: true })
  factsAt!: Date | null;

  /** Set by people. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  /** Set by tag rules, from the facts. */
  @Column({ name: 'rule_tags', type: 'text', array: true, default: () => "'{}'" })
  ruleTags!: string[];

  @Column({ type: 'text', default: 'default' })
  zone!: string;

  @Column({ type: 'text', default: 'default' })
  pool!: string;

  @Column({ type: 'text', default: '' })
  notes!: string;

  /** When someone (or a rule) said that muster may write to it. */
  @Column({ name: 'accepted_at', type: 'timestamptz', nullable: true })
  acceptedAt!: Date | null;

  @Column({ name: 'accepted_by', type: 'text', nullable: true })
  acceptedBy!: string | null;

  /** Show the boot menu at every network boot that would not go into memory. */
  @Column({ type: 'boolean', default: false })
  menu!: boolean;

  @Column({ type: 'text', nullable: true })
  hostname!: string | null;

  /** Where it was last reached. */
  @Column({ type: 'text', nullable: true })
  address!: string | null;

  /** Which node of which deployment it is taken for: `<deployment>/<node>`. One machine per claim. */
  @Column({ type: 'text', nullable: true })
  claim!: string | null;

  @Column({ name: 'deployment_id', type: 'text', nullable: true })
  deploymentId!: string | null;

  /** Who took it. */
  @Column({ type: 'text', nullable: true })
  owner!: string | null;

  @Column({ type: 'text', nullable: true })
  target!: DeployTarget | null;

  /** What is (being) deployed: `{name, os, release, sha256}`. */
  @Column({ type: 'jsonb', nullable: true })
  image!: JsonObject | null;

  /** Public host keys that the machine made during install; no other is taken. */
  @Column({ name: 'host_keys', type: 'text', array: true, default: () => "'{}'" })
  hostKeys!: string[];

  /** Set when the image is on the disk: from then on the machine boots from there. */
  @Column({ name: 'installed_at', type: 'timestamptz', nullable: true })
  installedAt!: Date | null;

  @Column({ name: 'deployed_at', type: 'timestamptz', nullable: true })
  deployedAt!: Date | null;

  /** Its disk holds (or held) a system of ours: when in doubt it boots from there. */
  @Column({ name: 'ever_deployed', type: 'boolean', default: false })
  everDeployed!: boolean;

  /** Secrets go to a boot that began before this: muster itself switched the machine on. */
  @Column({ name: 'window_until', type: 'timestamptz', nullable: true })
  windowUntil!: Date | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  /** Kept by a trigger, so that no way of changing the row is missed. */
  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;

  @OneToMany(() => MachineNic, (nic) => nic.machine)
  nics!: Relation<MachineNic[]>;
}

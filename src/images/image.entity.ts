import { Column, Entity, OneToMany, PrimaryGeneratedColumn, Unique, type Relation } from 'typeorm';
import { ImageFile } from './image-file.entity.js';

/** `os`: what a machine is deployed with. `memory`: the small environment that the agent runs in. */
export type ImageKind = 'os' | 'memory';

/** One version of an operating system (or of the memory environment), as a set of files in the store. */
@Entity('image')
@Unique('image_identity_unique', ['kind', 'os', 'release', 'architecture', 'variant', 'version'])
export class Image {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'image_pkey' })
  id!: string;

  @Column({ type: 'text' })
  kind!: ImageKind;

  /** `debian`, `ubuntu`; for the memory environment the one that it was built from. */
  @Column({ type: 'text' })
  os!: string;

  /** As its makers number it: `12`, `24.04`. */
  @Column({ type: 'text' })
  release!: string;

  /** Debian's name: `amd64`, `arm64`. */
  @Column({ type: 'text' })
  architecture!: string;

  /** `default`, `minimal`, a kernel flavour … */
  @Column({ type: 'text', default: 'default' })
  variant!: string;

  /** A stream's serial (`20261121.2`), or what a build calls its content. */
  @Column({ type: 'text' })
  version!: string;

  /** Where it came from: `build`, `import FILE`, or the stream's URL. */
  @Column({ type: 'text' })
  source!: string;

  @Column({ type: 'jsonb', default: {} })
  labels!: Record<string, string>;

  /** When this version was made: by its build, or by the stream that it came from. */
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @OneToMany(() => ImageFile, (file) => file.image)
  files!: Relation<ImageFile>[];
}

import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique, type Relation } from 'typeorm';
import type { Image } from './image.entity.js';

/** What a file is for. An `os` image has at least one of `root-ext4`, `root-tar`, `root-squashfs` and `disk`. */
export const FILE_ROLES = ['kernel', 'initrd', 'root-ext4', 'root-tar', 'root-squashfs', 'disk', 'manifest'] as const;
export type ImageFileRole = (typeof FILE_ROLES)[number];

export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
/** How the stored bytes are compressed as a whole; a squashfs or an initrd, compressed inside, is `none`. */
export type Compression = (typeof COMPRESSIONS)[number];

/** A file of an image. Its bytes are in the store under their hash; several images may share them. */
@Entity('image_file')
@Unique('image_file_role_unique', ['imageId', 'role'])
export class ImageFile {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'image_file_pkey' })
  id!: string;

  @Column({ type: 'uuid', name: 'image_id' })
  imageId!: string;

  @ManyToOne('Image', 'files', { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'image_id', foreignKeyConstraintName: 'image_file_image_fkey' })
  image!: Relation<Image>;

  @Column({ type: 'text' })
  role!: ImageFileRole;

  /** Of the stored bytes, lower-case hex. */
  @Index('image_file_sha256_index')
  @Column({ type: 'text' })
  sha256!: string;

  /** Of the stored bytes. */
  @Column({ type: 'bigint', name: 'size_bytes', transformer: { from: Number, to: (value: number) => value } })
  sizeBytes!: number;

  @Column({ type: 'text', default: 'none' })
  compression!: Compression;

  /** What the content unpacks to, where known: how large a disk must be. */
  @Column({
    type: 'bigint',
    name: 'unpacked_bytes',
    nullable: true,
    transformer: {
      from: (value: string | null) => (value === null ? null : Number(value)),
      to: (value: unknown) => value,
    },
  })
  unpackedBytes!: number | null;
}

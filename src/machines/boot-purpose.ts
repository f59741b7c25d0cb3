/** What the memory environment is started for; on its kernel command line as `muster.purpose`. */
export const BOOT_PURPOSES = ['enlist', 'commission', 'deploy', 'ram', 'erase', 'rescue', 'test'] as const;
export type BootPurpose = (typeof BOOT_PURPOSES)[number];

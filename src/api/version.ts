/** Of the API: `/v1`. */
export const VERSION = '1';

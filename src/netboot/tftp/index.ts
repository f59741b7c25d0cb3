export { TftpServer, type BootFileReader, type TftpServerOptions } from './tftp-server.js';

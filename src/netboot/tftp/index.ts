export {
  TftpServer,
  type BootFileReader,
  type TftpClient,
  type TftpContent,
  type TftpServerOptions,
} from './tftp-server.js';

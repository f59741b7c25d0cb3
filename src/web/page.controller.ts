import { Controller, Get, Res, SetMetadata } from '@nestjs/common';
import type { Response } from 'express';
import { PUBLIC_METADATA } from '../api/contract/index.js';
import { readPageFiles, type PageFileName } from './page-files.js';

/** The status page: three files, open to all; what they show comes from the API with the reader's own token. */
@Controller()
@SetMetadata(PUBLIC_METADATA, true)
export class PageController {
  private readonly files = readPageFiles();

  @Get('/')
  page(@Res() response: Response): void {
    this.send(response, 'index.html');
  }

  @Get('/page/style.css')
  style(@Res() response: Response): void {
    this.send(response, 'style.css');
  }

  @Get('/page/app.mjs')
  program(@Res() response: Response): void {
    this.send(response, 'app.mjs');
  }

  private send(response: Response, name: PageFileName): void {
    const { type, content } = this.files[name];
    response.setHeader('Content-Type', type);
    response.setHeader('Cache-Control', 'no-cache');
    response.send(content);
  }
}

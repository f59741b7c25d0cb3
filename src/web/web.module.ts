import { Module } from '@nestjs/common';
import { PageController } from './page.controller.js';

/** The status page, beside the API on the same socket. */
@Module({ controllers: [PageController] })
export class WebModule {}

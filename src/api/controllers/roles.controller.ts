import { Controller, Inject, Param } from '@nestjs/common';
import { rolesRoutes, type BodyOf, type ResponseOf } from '../contract/index.js';
import { Endpoint, GivenBody } from '../endpoint.js';
import { LibraryAnswers } from '../library-answers.js';

@Controller()
export class RolesController {
  constructor(@Inject(LibraryAnswers) private readonly answers: LibraryAnswers) {}

  @Endpoint(rolesRoutes.list)
  list(): ResponseOf<typeof rolesRoutes.list> {
    return this.answers.roles();
  }

  @Endpoint(rolesRoutes.show)
  show(@Param('role') name: string): ResponseOf<typeof rolesRoutes.show> {
    return this.answers.role(name);
  }

  @Endpoint(rolesRoutes.inspect)
  inspect(@GivenBody() body: BodyOf<typeof rolesRoutes.inspect>): ResponseOf<typeof rolesRoutes.inspect> {
    return this.answers.inspect(body);
  }
}

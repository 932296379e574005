import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { NextFunction, Request, Response } from 'express';
import { withRefusals } from './api-refusals.js';
import { CSV } from './csv.js';
import { Documents } from './documents.js';

/** Returns the OpenAPI 3.1 description of every route. */
function apiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('defi-realtime')
    .setDescription(
      'Every change of TVL, prices and protocols, live and resumable. Errors are application/problem+json with a stable ' +
        '`code`; every answer carries X-Request-Id. The WebSocket APIs are described in [/asyncapi.yaml](/asyncapi.yaml).',
    )
    .setVersion('1.0')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', description: 'An API key `rta_<id>_<secret>` or a signed JWT.' },
      'bearer',
    )
    .addSecurityRequirements('bearer')
    .build();
  return withRefusals(withTables(SwaggerModule.createDocument(app, config)), app);
}

/** Documents the CSV form of lists as one file; Swagger would document the members of the JSON form. */
function withTables(document: OpenAPIObject): OpenAPIObject {
  const operations = Object.values(document.paths).flatMap(({ get, post }) => [get, post]);
  for (const response of operations.flatMap((operation) => Object.values(operation?.responses ?? {}))) {
    if (response === undefined || '$ref' in response || response.content?.[CSV] === undefined) continue;
    response.content[CSV] = {
      schema: { type: 'string', description: 'RFC 4180 with a header line, even if there are no rows.' },
    };
    response.headers = {
      ...response.headers,
      'Content-Disposition': { schema: { type: 'string' }, description: 'Name of the file.' },
    };
  }
  return document;
}

/** Media types of the OpenAPI document by path. */
const FORMS = {
  '/openapi.json': 'application/json; charset=utf-8',
  '/openapi.yaml': 'application/yaml; charset=utf-8',
} as const;

/** Serves the OpenAPI document at /openapi.json and /openapi.yaml, and Swagger UI at /docs. */
export function serveApiDocument(app: NestExpressApplication): void {
  const documents = app.get(Documents);
  let made: OpenAPIObject | undefined;
  const make = (): OpenAPIObject => (made ??= apiDocument(app));
  documents.add('/openapi.json', 'json', make);
  documents.add('/openapi.yaml', 'yaml', make);
  for (const [path, type] of Object.entries(FORMS)) {
    app.use(path, (request: Request, response: Response, next: NextFunction) => {
      const isAsked = request.path === '/' && ['GET', 'HEAD'].includes(request.method);
      if (isAsked) void documents.send(path, type, { request, response, next });
      else next();
    });
  }
  SwaggerModule.setup('docs', app, make, {
    raw: false,
    customSiteTitle: 'defi-realtime API',
    swaggerOptions: { persistAuthorization: true },
  });
}

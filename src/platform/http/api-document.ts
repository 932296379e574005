import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

/** The OpenAPI 3.1 description of every route. */
export function apiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('defi-realtime')
    .setDescription(
      'Every change of TVL, prices and protocols, live and resumable. Errors are application/problem+json with a stable ' +
        '`code`; every answer carries X-Request-Id. The socket side is described in [/asyncapi.yaml](/asyncapi.yaml).',
    )
    .setVersion('1.0')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', description: 'An API key `rta_<id>_<secret>` or a signed JWT.' },
      'bearer',
    )
    .addSecurityRequirements('bearer')
    .build();
  return SwaggerModule.createDocument(app, config);
}

/** Serves the description at /openapi.json and a page to try it at /docs. Made on the first request: a start is quicker. */
export function serveApiDocument(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => apiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'defi-realtime API',
    swaggerOptions: { persistAuthorization: true },
  });
}

import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import './open-handles.js';

// Logs of parts without an application are noise while tests make them fail; TEST_LOG=1 shows them.
if (!process.env['TEST_LOG']) Logger.overrideLogger(false);

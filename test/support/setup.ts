import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import './open-handles.js';

// What parts without an application log while they are made to fail is noise; TEST_LOG=1 shows it.
if (!process.env['TEST_LOG']) Logger.overrideLogger(false);

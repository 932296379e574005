import 'reflect-metadata';
import './open-handles.js';

// A sweep is sent: its repository, if the input is new, and then all jobs at once. No drawing.
import {textOf} from '../form/value.js';

// The body of POST /job/batch.
export const batchBody = ({rows, metadata, callback}) => `{"params":${textOf(rows, '')}${metadata ? `,"metadata":${metadata}` : ''}${callback ? `,"callback_url":${JSON.stringify(callback)}` : ''}}`;

// The body of POST /repository for a sweep without files.
export const repositoryBody = ({metadata}) => (metadata ? `{"metadata":${metadata}}` : '{}');

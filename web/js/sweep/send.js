// A sweep is sent: its repository, if the input is new, and then all jobs at once. No drawing.
import {textOf} from '../form/value.js';

// The body of POST /job/batch.
export const batchBody = ({rows, metadata}) => `{"params":${textOf(rows, '')}${metadata ? `,"metadata":${metadata}` : ''}}`;

// The body of POST /repository for a sweep without files.
export const repositoryBody = ({metadata}) => (metadata ? `{"metadata":${metadata}}` : '{}');

// One tab of the live page that reads whatever it is told. Arguments: the address of the page.
import http from 'node:http';
import { serve } from './child.mjs';

let bytes = 0;
http.get(new URL('feed', process.argv[2]), (response) => {
  response.on('data', (piece) => {
    bytes += piece.length;
  });
  response.once('data', () => serve({ bytes: () => bytes }));
});

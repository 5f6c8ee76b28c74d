// The tests say what this page does: they call what it imports.
import * as sdk from 'aws-iot-machines';

const show = (client) => {
  client.on('status', ({ state }) => {
    document.querySelector('#status').textContent = state;
  });
  client.on('message', ({ topic, payload }) => {
    const item = document.createElement('li');
    item.textContent = `${topic}: ${new TextDecoder().decode(payload)}`;
    document.querySelector('#messages').append(item);
  });
};

globalThis.page = { sdk, show };

// Free loopback ports.
import getPort from 'get-port';

/** A TCP port on 127.0.0.1 that nobody listens on; this process gets no port twice within some seconds. */
export const freePort = () => getPort({ host: '127.0.0.1' });

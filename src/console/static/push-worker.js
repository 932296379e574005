/** Shows the messages that the server pushes to this browser, also when no page is open. */
self.addEventListener('push', (event) => {
  const { title = 'Alert', body = '', data = {} } = contentOf(event);
  const view = data.type === 'endpoint.verify' ? 'targets' : 'history';
  event.waitUntil(
    self.registration.showNotification(title, {
      body,
      tag: data.alertId ?? data.challenge,
      data: { address: `/#/alerts/${view}` },
    }),
  );
});

/** Opens the view that belongs to the message, in an open page of the console if there is one. */
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { address } = event.notification.data;
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
      const page = pages.find(({ url }) => new URL(url).pathname === '/');
      if (!page) return self.clients.openWindow(address);
      await page.focus();
      // The worker controls no page, so the page goes there itself.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a client has no such parameter
      page.postMessage({ address });
      return page;
    })(),
  );
});

function contentOf({ data }) {
  try {
    return data?.json() ?? {};
  } catch {
    return { body: data.text() };
  }
}

/** Script that shows notifications. It has one address in all versions, so that a subscription survives an upgrade. */
const WORKER = '/console/push-worker.js';

const isPossible = () => 'serviceWorker' in navigator && 'PushManager' in window;

/** Returns whether this browser receives alerts, with a sentence about it. */
export async function browserState() {
  if (!isPossible())
    return { state: 'impossible', sentence: 'This browser cannot receive alerts here: that needs https or localhost.' };
  if (Notification.permission === 'denied')
    return { state: 'denied', sentence: 'Notifications of this page are blocked in the browser’s settings.' };
  const subscription = await current();
  return subscription
    ? { state: 'subscribed', sentence: 'This browser can receive alerts; rules that name it send them here.' }
    : { state: 'free', sentence: 'This browser receives no alerts. “Add this browser” in a rule changes that.' };
}

/** Asks for permission and returns the browser's push subscription as the API takes it. */
export async function subscribeBrowser(api) {
  if (!isPossible()) throw new Error('This browser cannot receive alerts here: that needs https or localhost.');
  if ((await Notification.requestPermission()) !== 'granted')
    throw new Error('The browser did not allow notifications.');
  const { publicKey } = await api.get('/v1/notifications/push-key');
  const registration = await navigator.serviceWorker.register(WORKER);
  await isActive(registration);
  const subscription = await subscribed(registration, keyBytes(publicKey));
  return JSON.stringify(subscription);
}

/** Waits for the worker: only an active one can be subscribed. It controls no page, so `serviceWorker.ready` never comes. */
function isActive({ installing, waiting, active }) {
  const worker = installing ?? waiting ?? active;
  if (worker.state === 'activated') return Promise.resolve();
  return new Promise((resolve, reject) => {
    worker.addEventListener('statechange', () => {
      if (worker.state === 'activated') resolve();
      if (worker.state === 'redundant') reject(new Error('The browser could not start the script of notifications.'));
    });
  });
}

/** Subscribes; a subscription for another key of the server is replaced. */
async function subscribed({ pushManager }, applicationServerKey) {
  const options = { userVisibleOnly: true, applicationServerKey };
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    if (error.name !== 'InvalidStateError')
      throw new Error(`The browser could not subscribe: ${error.message}`, { cause: error });
    await (await pushManager.getSubscription())?.unsubscribe();
    return pushManager.subscribe(options);
  }
}

/** Ends the subscription; the server notices with the next message. */
export async function forgetBrowser() {
  await (await current())?.unsubscribe();
}

async function current() {
  const registration = await navigator.serviceWorker.getRegistration('/console/');
  return registration?.pushManager.getSubscription();
}

function keyBytes(text) {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(base64), (letter) => letter.codePointAt(0));
}

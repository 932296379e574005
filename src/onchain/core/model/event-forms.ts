/** Standards of contracts: each chooses the events that a contract's logs may be. */
export const STANDARDS = ['batch', 'erc721', 'erc1155', 'erc20'] as const;
export type Standard = (typeof STANDARDS)[number];

/** Members of a decoded event that an argument fills; `lastTokenId` becomes a quantity, an `operator` is left out. */
export type ArgumentRole =
  'operator' | 'from' | 'to' | 'account' | 'startTokenId' | 'lastTokenId' | 'quantity' | 'tokenIds' | 'quantities';

interface EventArgument {
  /** Name in the ABI. */
  readonly name: string;
  readonly type: 'address' | 'uint256' | 'uint256[]';
  readonly role: ArgumentRole;
}

export interface EventForm {
  /** Name of the event in the ABI. */
  readonly kind: string;
  readonly standard: Standard;
  readonly args: readonly EventArgument[];
  /** Order in which arguments become topics, as positions in `args`: k topics are the first k of it. */
  readonly indexed: readonly number[];
  /** Values that the event has without saying so. */
  readonly always?: { readonly startTokenId?: bigint; readonly quantity?: bigint };
  /** Set where each unit of the quantity is a token of its own, so that `MAX_BATCH_QUANTITY` bounds it. */
  readonly perToken?: true;
}

const FROM = { name: 'from', type: 'address', role: 'from' } as const;
const TO = { name: 'to', type: 'address', role: 'to' } as const;
const OPERATOR = { name: 'operator', type: 'address', role: 'operator' } as const;
const ACCOUNT = { name: 'account', type: 'address', role: 'account' } as const;
const TOKEN_ID = { name: 'tokenId', type: 'uint256', role: 'startTokenId' } as const;
const START_TOKEN_ID = { name: 'startTokenId', type: 'uint256', role: 'startTokenId' } as const;
const QUANTITY = { name: 'quantity', type: 'uint256', role: 'quantity' } as const;

/** Everything known of the events that are read: arguments in the order of the ABI, standard by standard. */
export const EVENT_FORMS = [
  { kind: 'BatchMint', standard: 'batch', args: [TO, START_TOKEN_ID, QUANTITY], indexed: [0, 1, 2], perToken: true },
  { kind: 'BatchBurn', standard: 'batch', args: [FROM, START_TOKEN_ID, QUANTITY], indexed: [0, 1, 2], perToken: true },
  {
    kind: 'BatchTransfer',
    standard: 'batch',
    args: [FROM, TO, START_TOKEN_ID, QUANTITY],
    indexed: [0, 1, 2],
    perToken: true,
  },
  { kind: 'Stake', standard: 'batch', args: [ACCOUNT, TOKEN_ID], indexed: [0, 1], always: { quantity: 1n } },
  { kind: 'Unstake', standard: 'batch', args: [ACCOUNT, TOKEN_ID], indexed: [0, 1], always: { quantity: 1n } },
  { kind: 'Transfer', standard: 'erc721', args: [FROM, TO, TOKEN_ID], indexed: [0, 1, 2], always: { quantity: 1n } },
  {
    kind: 'ConsecutiveTransfer',
    standard: 'erc721',
    args: [
      { name: 'fromTokenId', type: 'uint256', role: 'startTokenId' },
      { name: 'toTokenId', type: 'uint256', role: 'lastTokenId' },
      { name: 'fromAddress', type: 'address', role: 'from' },
      { name: 'toAddress', type: 'address', role: 'to' },
    ],
    indexed: [0, 2, 3],
    perToken: true,
  },
  {
    kind: 'TransferSingle',
    standard: 'erc1155',
    args: [
      OPERATOR,
      FROM,
      TO,
      { name: 'id', type: 'uint256', role: 'startTokenId' },
      { name: 'value', type: 'uint256', role: 'quantity' },
    ],
    indexed: [0, 1, 2],
  },
  {
    kind: 'TransferBatch',
    standard: 'erc1155',
    args: [
      OPERATOR,
      FROM,
      TO,
      { name: 'ids', type: 'uint256[]', role: 'tokenIds' },
      { name: 'values', type: 'uint256[]', role: 'quantities' },
    ],
    indexed: [0, 1, 2],
  },
  {
    kind: 'Transfer',
    standard: 'erc20',
    args: [FROM, TO, { name: 'value', type: 'uint256', role: 'quantity' }],
    indexed: [0, 1, 2],
    always: { startTokenId: 0n },
  },
] as const satisfies readonly EventForm[];

/** Name of an event in its ABI. */
export type EventKind = (typeof EVENT_FORMS)[number]['kind'];

/** Every kind once, in the order of the forms. */
export const EVENT_KINDS: readonly EventKind[] = [...new Set(EVENT_FORMS.map(({ kind }) => kind))];

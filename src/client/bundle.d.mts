export function bundleClient(): Promise<ReadonlyMap<string, string>>;
export function writeClient(folder: string): Promise<void>;

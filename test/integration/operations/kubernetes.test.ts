import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Setting } from '../../../src/platform/settings/setting.js';
import { SETTINGS } from '../../../src/platform/settings/settings-table.js';

const FOLDER = join(import.meta.dirname, '../../../docker/kubernetes');
const NO_KUBECTL = spawnSync('kubectl', ['version', '--client']).status === 0 ? undefined : 'kubectl is not installed';

/** Kinds with their API versions: newer ones are unknown to clusters in use, older ones have gone. */
const VERSIONS: Readonly<Record<string, string>> = {
  ConfigMap: 'v1',
  Service: 'v1',
  Job: 'batch/v1',
  StatefulSet: 'apps/v1',
  Deployment: 'apps/v1',
  PodDisruptionBudget: 'policy/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
  NetworkPolicy: 'networking.k8s.io/v1',
  TLSRoute: 'gateway.networking.k8s.io/v1alpha2',
};

interface Container {
  image: string;
  args: string[];
  env?: { name: string }[];
  ports?: { name: string; containerPort: number }[];
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  readinessProbe?: { httpGet?: { path: string; port: string } };
  securityContext?: object;
  volumeMounts: { name: string }[];
}
interface Pod {
  terminationGracePeriodSeconds?: number;
  securityContext?: object;
  containers: [Container];
  volumes: { name: string; configMap?: { name: string } }[];
}
// oxlint-disable typescript/no-explicit-any -- objects of many kinds, each read by its own test
interface Resource {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: any;
  data: any;
}
// oxlint-enable typescript/no-explicit-any

function built(overlay: string): Resource[] {
  const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', join(FOLDER, 'overlays', overlay)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Resource);
}

describe.skipIf(NO_KUBECTL !== undefined).each(['staging', 'production'])('the overlay %s', (overlay) => {
  const resources = NO_KUBECTL === undefined ? built(overlay) : [];
  const of = (...kinds: string[]): Resource[] => resources.filter(({ kind }) => kinds.includes(kind));
  const one = (kind: string, name: string): Resource => {
    const found = of(kind).find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new Error(`no ${kind} ${name}`);
    return found;
  };
  const workloads = of('StatefulSet', 'Deployment', 'Job').map(({ metadata, spec }) => {
    const { metadata: labelled, spec: pod } = spec.template as {
      metadata: { labels: Record<string, string> };
      spec: Pod;
    };
    return { name: metadata.name, pod, container: pod.containers[0], labels: labelled.labels };
  });
  const ours = workloads.filter(({ container }) => container.image.startsWith('defi-realtime:'));
  const settings = one('ConfigMap', 'defi-realtime').data as Record<string, string>;

  it('has known kinds of known versions, unique names and one namespace', () => {
    const versions = resources.map(({ kind, apiVersion }) => [kind, apiVersion]);
    expect(versions).toEqual(resources.map(({ kind }) => [kind, VERSIONS[kind]]));
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(resources.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['defi-realtime']));
  });

  it('gives pods the time of preStop, `DRAIN_SECONDS` and 10 s more, and the balancer 15 s', () => {
    const serving = workloads.filter(({ container }) => container.lifecycle !== undefined);
    expect(serving.map(({ name }) => name).toSorted()).toEqual(['edge', 'gateway', 'worker']);
    for (const { pod, container } of serving) {
      const preStop = container.lifecycle?.preStop.sleep.seconds ?? 0;
      expect(preStop).toBeGreaterThanOrEqual(15);
      const drain = Number(settings['DRAIN_SECONDS'] ?? SETTINGS.DRAIN_SECONDS.fallback);
      expect(pod.terminationGracePeriodSeconds ?? 30).toBeGreaterThanOrEqual(preStop + drain + 10);
    }
  });

  it('sets settings that exist only, and secrets by file', () => {
    const known = new Map<string, Setting<unknown>>(Object.entries(SETTINGS));
    const names = [
      ...Object.keys(settings),
      ...ours.flatMap(({ container }) => container.env ?? []).map(({ name }) => name),
    ];
    const unknown = names.filter((name) => !known.has(name) && known.get(name.replace(/_FILE$/, ''))?.secret !== true);
    expect(unknown).toEqual([]);
    expect(names.filter((name) => known.get(name)?.secret)).toEqual([]);
  });

  it('runs our image without rights, on a read-only root, with commands that exist', () => {
    expect(ours.map(({ name, container }) => [name, container.args])).toEqual(
      expect.arrayContaining([
        ['gateway', ['start']],
        ['worker', ['start']],
        ['migrate', ['migrate']],
      ]),
    );
    for (const { pod, container } of ours) {
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(container.securityContext).toMatchObject({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('refers to labels, ports, volumes and configurations that exist', () => {
    for (const { spec } of of('Service')) {
      const selected = workloads.filter(({ labels }) =>
        Object.entries(spec.selector as object).every(([key, value]) => labels[key] === value),
      );
      const ports = selected.flatMap(({ container }) => container.ports ?? []).map(({ name }) => name);
      expect(ports).toEqual(spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort));
      expect(spec).not.toHaveProperty('sessionAffinity');
    }
    for (const { pod, container } of workloads) {
      const volumes = new Set(pod.volumes.map(({ name }) => name));
      expect(container.volumeMounts.filter(({ name }) => !volumes.has(name))).toEqual([]);
      const configurations = pod.volumes.flatMap(({ configMap }) => configMap ?? []);
      for (const { name } of configurations) expect(one('ConfigMap', name).data).toHaveProperty(['nginx.conf']);
    }
  });

  it('names as many pods in the edge as the autoscaler may make, and removes one per 120 s', () => {
    const { spec } = one('HorizontalPodAutoscaler', 'gateway');
    const pods = readFileSync(join(FOLDER, 'base/pods.conf'), 'utf8');
    const named = [...pods.matchAll(/^upstream gateway-(\d+) \{$/gm)].map(([, n]) => Number(n));
    const routed = [...pods.matchAll(/^ {2}~\^gateway-(\d+)\\\. {2}gateway-\1;$/gm)].map(([, n]) => Number(n));
    expect(named).toEqual(routed);
    expect(named).toEqual(Array.from(named, (_, n) => n));
    expect(spec.maxReplicas).toBeLessThanOrEqual(named.length);
    expect(spec.behavior.scaleDown.policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: 120 }]);
  });
});

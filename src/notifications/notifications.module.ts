import { getQueueToken } from '@nestjs/bullmq';
import { Module, type Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ChannelTroubles } from './channels/channel-troubles.js';
import { ChannelSenders, SENDERS } from './channels/channel-senders.js';
import { MailTransport } from './channels/email/mail-transport.js';
import { PublicLinks } from './templates/public-links.js';
import { Fcm } from './channels/push/fcm.js';
import { WebPush } from './channels/push/web-push.js';
import { EgressPolicy } from './core/egress-policy.js';
import { Deliveries } from './deliveries/deliveries.js';
import { DueTargets } from './deliveries/due-targets.js';
import { Holds } from './deliveries/holds.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import { DeliveryClaims } from './deliveries/delivery-claims.js';
import { DeliveryLog } from './deliveries/delivery-log.js';
import { DeliveryMetrics } from './deliveries/delivery-metrics.js';
import { DeliveryResults } from './deliveries/delivery-results.js';
import { DeliveryWorker } from './deliveries/delivery-worker.js';
import { LANES, Lanes, type JobData } from './deliveries/lanes.js';
import { DeliveryRetention } from './deliveries/delivery-retention.js';
import { Redelivery } from './deliveries/redelivery.js';
import { StorageBudget } from './deliveries/storage-budget.js';
import { Sweeper } from './deliveries/sweeper.js';
import { GuardedClient } from './egress/guarded-client.js';
import { Resolver } from './egress/resolver.js';
import { PreferencesEntity } from './preferences/preferences.entity.js';
import { PreferenceStore } from './preferences/preference-store.js';
import { MailLinksController } from './targets/mail-links.controller.js';
import { TargetEntity } from './targets/target.entity.js';
import { TargetHealth } from './deliveries/target-health.js';
import { TargetList } from './targets/target-list.js';
import { TargetRules } from './targets/target-rules.js';
import { TargetWarnings } from './deliveries/target-warnings.js';
import { TargetsController } from './targets/targets.controller.js';
import { Targets } from './targets/targets.js';
import { WebhookSecrets } from './targets/webhook-secrets.js';
import { TemplateEntity } from './templates/template.entity.js';
import { TemplateLibrary } from './templates/template-library.js';
import { Templates } from './templates/templates.js';
import { TemplatesController } from './templates/templates.controller.js';
import type { JobQueue } from '../platform/queue/job-queue.js';
import { OperatorNotices } from './operators/operator-notices.js';
import { QueueModule } from '../platform/queue/queue.module.js';
import { Settings } from '../platform/settings/settings.js';

function egressPolicy({ egressAllow, publicUrl }: Settings): EgressPolicy {
  return new EgressPolicy(egressAllow, publicUrl === undefined ? [] : [new URL(publicUrl).hostname]);
}

const QUEUES = LANES.map(({ name }) => name);
const CHANNEL_PARTS = [
  ChannelSenders,
  ChannelTroubles,
  MailTransport,
  PublicLinks,
  WebPush,
  Fcm,
  ...Object.values<Type>(SENDERS),
];
const DELIVERY_PARTS = [
  DeliveryClaims,
  DeliveryLog,
  DeliveryMetrics,
  DeliveryResults,
  DeliveryWorker,
  DeliveryRetention,
  DueTargets,
  Holds,
  Redelivery,
  StorageBudget,
];
const TARGET_PARTS = [TargetHealth, TargetList, TargetRules, TargetWarnings, WebhookSecrets];

/** Messages to people and their programs: storage, sending, retries, accounting. */
@Module({
  imports: [
    QueueModule.register(...QUEUES),
    TypeOrmModule.forFeature([PreferencesEntity, TargetEntity, TemplateEntity]),
  ],
  controllers: [DeliveriesController, TargetsController, MailLinksController, TemplatesController],
  providers: [
    { provide: EgressPolicy, inject: [Settings], useFactory: egressPolicy },
    GuardedClient,
    { provide: Resolver, useFactory: () => new Resolver() },
    {
      provide: Lanes,
      inject: QUEUES.map((name) => getQueueToken(name)),
      useFactory: (...queues: JobQueue<JobData>[]) => new Lanes(queues),
    },
    Deliveries,
    Targets,
    PreferenceStore,
    Templates,
    TemplateLibrary,
    Sweeper,
    OperatorNotices,
    ...CHANNEL_PARTS,
    ...DELIVERY_PARTS,
    ...TARGET_PARTS,
  ],
  exports: [
    OperatorNotices,
    Deliveries,
    DeliveryWorker,
    GuardedClient,
    PublicLinks,
    StorageBudget,
    Targets,
    PreferenceStore,
    Templates,
  ],
})
export class NotificationsModule {}

import { Module } from '@nestjs/common';
import { ChannelTroubles } from './channels/channel-troubles.js';
import { Channels } from './channels/channels.js';
import { EmailChannel } from './channels/email/email-channel.js';
import { MailTransport } from './channels/email/mail-transport.js';
import { PublicLinks } from './channels/public-links.js';
import { Fcm } from './channels/push/fcm.js';
import { PushChannel } from './channels/push/push-channel.js';
import { WebPush } from './channels/push/web-push.js';
import { WebhookChannel } from './channels/webhook/webhook-channel.js';
import { EgressPolicy } from './core/egress-policy.js';
import { Deliveries } from './deliveries/deliveries.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import { DeliveryClaims } from './deliveries/delivery-claims.js';
import { DeliveryLog } from './deliveries/delivery-log.js';
import { DeliveryMetrics } from './deliveries/delivery-metrics.js';
import { DeliveryResults } from './deliveries/delivery-results.js';
import { DeliveryWorker } from './deliveries/delivery-worker.js';
import { LANES, Lanes } from './deliveries/lanes.js';
import { DeliveryRetention } from './deliveries/delivery-retention.js';
import { Redelivery } from './deliveries/redelivery.js';
import { StorageBudget } from './deliveries/storage-budget.js';
import { Sweeper } from './deliveries/sweeper.js';
import { GuardedClient } from './egress/guarded-client.js';
import { Resolver } from './egress/resolver.js';
import { Preferences } from './preferences/preferences.js';
import { MailLinksController } from './targets/mail-links.controller.js';
import { TargetHealth } from './targets/target-health.js';
import { TargetList } from './targets/target-list.js';
import { TargetRules } from './targets/target-rules.js';
import { TargetWarnings } from './targets/target-warnings.js';
import { TargetsController } from './targets/targets.controller.js';
import { Targets } from './targets/targets.js';
import { WebhookSecrets } from './targets/webhook-secrets.js';
import { TemplateLibrary } from './templates/template-library.js';
import { Templates } from './templates/templates.js';
import { TemplatesController } from './templates/templates.controller.js';
import { QueueModule } from '../platform/queue/queue.module.js';
import { Settings } from '../platform/settings/settings.js';

function egressPolicy({ egressAllow, publicUrl }: Settings): EgressPolicy {
  return new EgressPolicy(egressAllow, publicUrl === undefined ? [] : [new URL(publicUrl).hostname]);
}

const CHANNEL_PARTS = [
  Channels,
  ChannelTroubles,
  EmailChannel,
  MailTransport,
  PublicLinks,
  WebhookChannel,
  PushChannel,
  WebPush,
  Fcm,
];
const DELIVERY_PARTS = [
  DeliveryClaims,
  DeliveryLog,
  DeliveryMetrics,
  DeliveryResults,
  DeliveryWorker,
  DeliveryRetention,
  Lanes,
  Redelivery,
  StorageBudget,
];
const TARGET_PARTS = [TargetHealth, TargetList, TargetRules, TargetWarnings, WebhookSecrets];

/** Messages to people and their programs: storage, sending, retries, accounting. */
@Module({
  imports: [QueueModule.register(...Object.values(LANES).map(({ name }) => name))],
  controllers: [DeliveriesController, TargetsController, MailLinksController, TemplatesController],
  providers: [
    { provide: EgressPolicy, inject: [Settings], useFactory: egressPolicy },
    GuardedClient,
    { provide: Resolver, useFactory: () => new Resolver() },
    Deliveries,
    Targets,
    Preferences,
    Templates,
    TemplateLibrary,
    Sweeper,
    ...CHANNEL_PARTS,
    ...DELIVERY_PARTS,
    ...TARGET_PARTS,
  ],
  exports: [Deliveries, DeliveryWorker, PublicLinks, StorageBudget, Targets, Preferences, Templates],
})
export class NotificationsModule {}

// The settings of an image of which ops.yml says nothing, for the tests.
import type { ImageSettings } from '../../../lib/target/build-settings.ts';

export const plainImage: ImageSettings = {
  name: 'book',
  context: '.',
  dockerfile: 'Dockerfile',
  target: undefined,
  platforms: [],
  args: {},
  secrets: {},
  cacheFrom: [],
  cacheTo: [],
  provenance: undefined,
  smoke: undefined,
};

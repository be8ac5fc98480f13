import { test } from 'uvu';
import { probeNative } from '../../../src/engines/semantics/native-package.js';
import { rejects } from '../../conformance/subject.js';

test('a package that is missing is named, with what to install', async () => {
  const missing = { engine: 'lsm', name: 'holdfast-no-such-package', range: '^3.0.0' } as const;
  const says =
    /'lsm' needs the package holdfast-no-such-package, and it is not installed.*npm install holdfast-no-such-package@'\^3\.0\.0'/;
  await rejects(() => probeNative(missing), 'ERR_HOLDFAST_ENGINE_UNAVAILABLE', says);
  await rejects(() => probeNative(missing), 'ERR_HOLDFAST_ENGINE_UNAVAILABLE', says);
});

test('a package that is there loads', async () => {
  await probeNative({ engine: 'lsm', name: 'classic-level', range: '^3.0.0' });
});

test.run();

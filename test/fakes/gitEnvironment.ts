// The environment for git in tests: nothing of the settings and the repository of whoever runs them.
import { devNull } from "node:os";

export const GIT_ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  GIT_CONFIG_GLOBAL: devNull,
  GIT_CONFIG_NOSYSTEM: "1",
  // Set where tests run in a hook of git's.
  GIT_DIR: undefined,
  GIT_INDEX_FILE: undefined,
};

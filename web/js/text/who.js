// Who can mend a reason: 'user' (who started the job), 'application' (who maintains the application), 'operator' (who runs the
// platform), or null where nothing has to be done.
const NOBODY = ['Starting', 'Running', 'Retrying', 'Recovering', 'Completed', 'Cancelled', 'Deleted'];
const USER = ['InvalidSpec', 'InvalidParams', 'UnknownRepository', 'NotStarted', 'Suspended'];
const APPLICATION = ['NonZeroExit', 'Killed', 'OOMKilled', 'InvalidResult', 'InvalidOutput', 'OutputTooLarge', 'CommandNotStarted', 'InitContainerFailed', 'StartError',
  'ContainerCannotRun', 'InvalidImageName', 'ErrImagePull', 'ImagePullBackOff', 'ImageInspectError', 'InvalidTemplate', 'InvalidSchema', 'DeadlineExceeded', 'CrashLoopBackOff',
  'DiskLimitExceeded', 'CreateContainerError', 'RunContainerError', 'Initializing', 'RunnerFailed'];

export function whoMends(reason) {
  if (NOBODY.includes(reason)) return null;
  if (USER.includes(reason)) return 'user';
  return APPLICATION.includes(reason) ? 'application' : 'operator';
}

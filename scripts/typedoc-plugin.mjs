// What typedoc does not do by itself. A guide is called as its heading says, not as its file is called. And a member of an
// interface or a class needs no comment when its name says it all; every other does.
import { Converter, ReflectionKind } from 'typedoc';

/** They mean the same wherever they stand, and the documents use them so. */
const SELF_EVIDENT = new Set(
  (
    'accessKeyId action auth ca cert clientId clientToken clock code connection context current ' +
    'delta desired direction document drain duplicate endpoint error event filter from ' +
    'identityPoolId key kind message metadata operation outcome packet parent password payload ' +
    'policy port ports properties protocolVersion qos region reported retain secretAccessKey ' +
    'sessionPresent state thingName to topic transport type username version versions via watched will'
  ).split(' '),
);

const OWNERS = ReflectionKind.Interface | ReflectionKind.Class;
const HEADING = /^# (.+)/;

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => nameGuides(project));
  app.converter.on(Converter.EVENT_END, ({ project }) => reportBareMembers(project, app.logger));
}

function nameGuides(project) {
  for (const document of project.documents ?? []) {
    const [, heading] = HEADING.exec(document.content[0]?.text ?? '') ?? [];
    if (heading !== undefined) document.name = heading;
  }
}

function reportBareMembers(project, logger) {
  for (const member of project.getReflectionsByKind(ReflectionKind.Property)) {
    if (!member.parent?.kindOf(OWNERS) || member.hasComment() || SELF_EVIDENT.has(member.name)) continue;
    logger.warn(`${member.getFullName()} says nothing of itself: give it a comment`);
  }
}

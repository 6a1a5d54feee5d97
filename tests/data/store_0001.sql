BEGIN TRANSACTION;
CREATE TABLE answers (
	question VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	value INTEGER NOT NULL, 
	"order" JSON NOT NULL, 
	seconds DOUBLE NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (question, who), 
	FOREIGN KEY(question) REFERENCES questions (id)
);
INSERT INTO "answers" VALUES('q1','ben',1,'[1, 0]',2.5,11.0);
INSERT INTO "answers" VALUES('q2','ada',2,'[2, 0, 1]',1.5,10.25);
INSERT INTO "answers" VALUES('q1','ada',0,'[0, 1]',3.0,12.0);
CREATE TABLE groups (
	id VARCHAR(64) NOT NULL, 
	prompt JSON NOT NULL, 
	prompt_ids JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "groups" VALUES('6b2c73aea446e111c65974b64a62f3c0747b92a0ff1e85c5cdfe6ea6f3f40d73','{"text": "The old harbour", "messages": []}','[1, 2]');
INSERT INTO "groups" VALUES('df70d5cfa6993e3791ef354a2e3274d5184634f2a3c709965a93bb296540884b','{"text": null, "messages": [{"role": "user", "content": "Hi"}]}','[]');
CREATE TABLE notes (
	seq INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value JSON NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "notes" VALUES(1,'model','{"version": "round-1"}',1.79529285575166964528e+09);
CREATE TABLE questions (
	seq INTEGER NOT NULL, 
	id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	group_id VARCHAR(64) NOT NULL, 
	why TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	split VARCHAR NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id), 
	FOREIGN KEY(group_id) REFERENCES groups (id)
);
INSERT INTO "questions" VALUES(1,'q2','choice','6b2c73aea446e111c65974b64a62f3c0747b92a0ff1e85c5cdfe6ea6f3f40d73','least certain',1,'train');
INSERT INTO "questions" VALUES(2,'q1','comparison','df70d5cfa6993e3791ef354a2e3274d5184634f2a3c709965a93bb296540884b','',0,'held_out');
CREATE TABLE responses (
	group_id VARCHAR(64) NOT NULL, 
	place INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	ids JSON NOT NULL, 
	mask JSON NOT NULL, 
	logp JSON NOT NULL, 
	finish VARCHAR NOT NULL, 
	model_version VARCHAR NOT NULL, 
	sampling JSON NOT NULL, 
	PRIMARY KEY (group_id, place), 
	FOREIGN KEY(group_id) REFERENCES groups (id)
);
INSERT INTO "responses" VALUES('6b2c73aea446e111c65974b64a62f3c0747b92a0ff1e85c5cdfe6ea6f3f40d73',0,' lay quiet.','[3]','[1]','[-0.5]','end','round-1','{"temperature": 0.7}');
INSERT INTO "responses" VALUES('6b2c73aea446e111c65974b64a62f3c0747b92a0ff1e85c5cdfe6ea6f3f40d73',1,' slept.','[3]','[1]','[-0.5]','end','round-1','{"temperature": 0.7}');
INSERT INTO "responses" VALUES('6b2c73aea446e111c65974b64a62f3c0747b92a0ff1e85c5cdfe6ea6f3f40d73',2,' né','[3]','[1]','[-0.5]','end','round-1','{"temperature": 0.7}');
INSERT INTO "responses" VALUES('df70d5cfa6993e3791ef354a2e3274d5184634f2a3c709965a93bb296540884b',0,'Hello.','[]','[]','[]','end','','{}');
INSERT INTO "responses" VALUES('df70d5cfa6993e3791ef354a2e3274d5184634f2a3c709965a93bb296540884b',1,'Yes?','[]','[]','[]','end','','{}');
CREATE TRIGGER groups_append_only_update BEFORE UPDATE ON groups BEGIN SELECT RAISE(ABORT, 'groups is append-only'); END;
CREATE TRIGGER groups_append_only_delete BEFORE DELETE ON groups BEGIN SELECT RAISE(ABORT, 'groups is append-only'); END;
CREATE TRIGGER groups_append_only_insert BEFORE INSERT ON groups WHEN EXISTS (SELECT 1 FROM groups WHERE ("id" = NEW."id")) BEGIN SELECT RAISE(ABORT, 'groups is append-only'); END;
CREATE TRIGGER responses_append_only_update BEFORE UPDATE ON responses BEGIN SELECT RAISE(ABORT, 'responses is append-only'); END;
CREATE TRIGGER responses_append_only_delete BEFORE DELETE ON responses BEGIN SELECT RAISE(ABORT, 'responses is append-only'); END;
CREATE TRIGGER responses_append_only_insert BEFORE INSERT ON responses WHEN EXISTS (SELECT 1 FROM responses WHERE ("group_id" = NEW."group_id" AND "place" = NEW."place")) BEGIN SELECT RAISE(ABORT, 'responses is append-only'); END;
CREATE TRIGGER questions_append_only_update BEFORE UPDATE ON questions BEGIN SELECT RAISE(ABORT, 'questions is append-only'); END;
CREATE TRIGGER questions_append_only_delete BEFORE DELETE ON questions BEGIN SELECT RAISE(ABORT, 'questions is append-only'); END;
CREATE TRIGGER questions_append_only_insert BEFORE INSERT ON questions WHEN EXISTS (SELECT 1 FROM questions WHERE ("seq" = NEW."seq") OR ("id" = NEW."id")) BEGIN SELECT RAISE(ABORT, 'questions is append-only'); END;
CREATE TRIGGER answers_append_only_update BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'answers is append-only'); END;
CREATE TRIGGER answers_append_only_delete BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'answers is append-only'); END;
CREATE TRIGGER answers_append_only_insert BEFORE INSERT ON answers WHEN EXISTS (SELECT 1 FROM answers WHERE ("question" = NEW."question" AND "who" = NEW."who")) BEGIN SELECT RAISE(ABORT, 'answers is append-only'); END;
CREATE TRIGGER notes_append_only_update BEFORE UPDATE ON notes BEGIN SELECT RAISE(ABORT, 'notes is append-only'); END;
CREATE TRIGGER notes_append_only_delete BEFORE DELETE ON notes BEGIN SELECT RAISE(ABORT, 'notes is append-only'); END;
CREATE TRIGGER notes_append_only_insert BEFORE INSERT ON notes WHEN EXISTS (SELECT 1 FROM notes WHERE ("seq" = NEW."seq")) BEGIN SELECT RAISE(ABORT, 'notes is append-only'); END;
COMMIT;

BEGIN TRANSACTION;
CREATE TABLE access_grant (
	id INTEGER NOT NULL, 
	protection_group_id INTEGER NOT NULL, 
	account_id INTEGER, 
	account_group_id INTEGER, 
	role VARCHAR(60) NOT NULL, 
	CONSTRAINT pk_access_grant PRIMARY KEY (id), 
	CONSTRAINT ck_access_grant_one_holder CHECK ((account_id IS NULL) <> (account_group_id IS NULL)), 
	CONSTRAINT fk_access_grant_account_group_id FOREIGN KEY(account_group_id) REFERENCES account_group (id), 
	CONSTRAINT fk_access_grant_account_id FOREIGN KEY(account_id) REFERENCES account (id), 
	CONSTRAINT fk_access_grant_protection_group_id FOREIGN KEY(protection_group_id) REFERENCES protection_group (id)
);
INSERT INTO "access_grant" VALUES(1,2,NULL,1,'READ');
CREATE TABLE account (
	id INTEGER NOT NULL, 
	login VARCHAR(200) NOT NULL, 
	email VARCHAR(320), 
	password_hash VARCHAR(500), 
	active BOOLEAN NOT NULL, 
	created DATETIME NOT NULL, 
	CONSTRAINT pk_account PRIMARY KEY (id), 
	CONSTRAINT uq_account_login UNIQUE (login)
);
INSERT INTO "account" VALUES(1,'reader','reader@example.org',NULL,1,'2026-11-01 12:00:00');
CREATE TABLE account_group (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	description TEXT, 
	CONSTRAINT pk_account_group PRIMARY KEY (id), 
	CONSTRAINT uq_account_group_name UNIQUE (name)
);
INSERT INTO "account_group" VALUES(1,'readers',NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE change (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	subject VARCHAR(300) NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_change PRIMARY KEY (id)
);
INSERT INTO "change" VALUES(1,'2026-11-22 02:25:20.821000','curator','collection LUNG','{"description": "Lungs of nobody."}');
CREATE TABLE collection (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	description TEXT, 
	description_uri VARCHAR(500), 
	third_party_analysis BOOLEAN NOT NULL, 
	created DATETIME NOT NULL, 
	changed DATETIME NOT NULL, 
	CONSTRAINT pk_collection PRIMARY KEY (id), 
	CONSTRAINT uq_collection_name UNIQUE (name)
);
INSERT INTO "collection" VALUES(1,'LUNG','Lungs of nobody.','https://doi.org/10.7937/lung',0,'2026-11-22 02:25:20.712465','2026-11-22 02:25:20.821000');
INSERT INTO "collection" VALUES(2,'BRAIN',NULL,NULL,0,'2026-11-22 02:25:20.758201','2026-11-22 02:25:20.758201');
CREATE TABLE download (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	series_instance_uid VARCHAR(64) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	viewer VARCHAR(200) NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	bytes BIGINT NOT NULL, 
	complete BOOLEAN NOT NULL, 
	licence_name VARCHAR(200), 
	CONSTRAINT pk_download PRIMARY KEY (id)
);
INSERT INTO "download" VALUES(1,'2026-11-01 12:00:00.000000','1.2.826.0.1.3680043.8.498.38650597770005679262845193180963168479','series','','',4321,1,'CC BY 4.0');
CREATE TABLE facet (
	site_id INTEGER NOT NULL, 
	mask SMALLINT NOT NULL, 
	modality VARCHAR(16) NOT NULL, 
	body_part_examined VARCHAR(16) NOT NULL, 
	manufacturer VARCHAR(64) NOT NULL, 
	species_code VARCHAR(64) NOT NULL, 
	patients INTEGER NOT NULL, 
	series INTEGER NOT NULL, 
	CONSTRAINT pk_facet PRIMARY KEY (site_id, mask, modality, body_part_examined, manufacturer, species_code), 
	CONSTRAINT fk_facet_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);
INSERT INTO "facet" VALUES(1,8,'','','','',2,2);
INSERT INTO "facet" VALUES(1,10,'','','','',2,2);
INSERT INTO "facet" VALUES(1,15,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,9,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,14,'','','','',2,2);
INSERT INTO "facet" VALUES(1,11,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,7,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,0,'','','','',2,2);
INSERT INTO "facet" VALUES(1,1,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,12,'','','','',2,2);
INSERT INTO "facet" VALUES(1,13,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,6,'','','','',2,2);
INSERT INTO "facet" VALUES(1,2,'','','','',2,2);
INSERT INTO "facet" VALUES(1,4,'','','','',2,2);
INSERT INTO "facet" VALUES(1,3,'CT','','','',2,2);
INSERT INTO "facet" VALUES(1,5,'CT','','','',2,2);
INSERT INTO "facet" VALUES(2,14,'','','','',1,1);
INSERT INTO "facet" VALUES(2,13,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,9,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,1,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,8,'','','','',1,1);
INSERT INTO "facet" VALUES(2,3,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,7,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,5,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,0,'','','','',1,1);
INSERT INTO "facet" VALUES(2,2,'','','','',1,1);
INSERT INTO "facet" VALUES(2,15,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,12,'','','','',1,1);
INSERT INTO "facet" VALUES(2,11,'MR','','','',1,1);
INSERT INTO "facet" VALUES(2,10,'','','','',1,1);
INSERT INTO "facet" VALUES(2,6,'','','','',1,1);
INSERT INTO "facet" VALUES(2,4,'','','','',1,1);
CREATE TABLE ingest_batch (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	leased_by VARCHAR(200), 
	lease_expires DATETIME, 
	sources BLOB NOT NULL, 
	finished DATETIME, 
	CONSTRAINT pk_ingest_batch PRIMARY KEY (id), 
	CONSTRAINT ck_ingest_batch_state CHECK (state IN ('open', 'leased', 'done')), 
	CONSTRAINT fk_ingest_batch_run_id FOREIGN KEY(run_id) REFERENCES ingest_run (id)
);
INSERT INTO "ingest_batch" VALUES(1,4,'done',NULL,NULL,X'78018B56D22FC92DD02F4E4ECC2BD6CFCD2F4AD537303030D44B49CE8D29B1343088293134070AA002A55800C5DE0EC9','2026-11-22 02:25:20.826000');
INSERT INTO "ingest_batch" VALUES(2,4,'open',NULL,NULL,X'78018B56D22FC92DD02F4E4ECC2BD6CFCD2F4AD537303030D24B49CE8D29B1343088293134070AA002A55800C5FF0ECA',NULL);
CREATE TABLE ingest_run (
	id INTEGER NOT NULL, 
	run_key VARCHAR(64) NOT NULL, 
	started DATETIME NOT NULL, 
	finished DATETIME, 
	summary TEXT, 
	CONSTRAINT pk_ingest_run PRIMARY KEY (id)
);
INSERT INTO "ingest_run" VALUES(1,'cfd7d0cefd7063359e68dbdcfe5ec8664e01fb66d817784dba5089268e45e858','2026-11-22 02:25:20.699000','2026-11-22 02:25:20.731000','{"state": "complete", "started": "2026-11-22T02:25:20+00:00", "ended": "2026-11-22T02:25:20+00:00", "paths": ["/tmp/scans/lung"], "counts": {"stored": 5, "present": 0, "quarantined": 1, "skipped": 1, "finished_before": 0}, "skipped": {"not-dicom": 1}, "quarantined": {"unreadable": 1}, "bytes_stored": 6410, "bytes_read": 6603, "seconds": 0.032, "files_per_second": 216.2, "collections": [{"collection": "LUNG", "site": "LUNG", "visibility": 1, "stored": 5, "access": "public", "licence": "CC BY 4.0"}], "warnings": []}');
INSERT INTO "ingest_run" VALUES(2,'011869d20367054362ec2861fbb1f2d9e5d04ae0ef90c26d2962b5b230210872','2026-11-22 02:25:20.748000','2026-11-22 02:25:20.771000','{"state": "complete", "started": "2026-11-22T02:25:20+00:00", "ended": "2026-11-22T02:25:20+00:00", "paths": ["/tmp/scans/brain"], "counts": {"stored": 1, "present": 0, "quarantined": 1, "skipped": 0, "finished_before": 0}, "skipped": {}, "quarantined": {"conflict": 1}, "bytes_stored": 898, "bytes_read": 2228, "seconds": 0.025, "files_per_second": 80.6, "collections": [{"collection": "BRAIN", "site": "BRAIN", "visibility": 1, "stored": 1, "access": "restricted", "licence": null}], "warnings": []}');
INSERT INTO "ingest_run" VALUES(3,'839ec5dee55eb606dd72076699a83952466593efd8ce3737e976ae31ce430ac0','2026-11-22 02:25:20.791000','2026-11-22 02:25:20.810000','{"state": "complete", "started": "2026-11-22T02:25:20+00:00", "ended": "2026-11-22T02:25:20+00:00", "paths": ["/tmp/scans/hidden"], "counts": {"stored": 1, "present": 0, "quarantined": 0, "skipped": 0, "finished_before": 0}, "skipped": {}, "quarantined": {}, "bytes_stored": 1282, "bytes_read": 1282, "seconds": 0.021, "files_per_second": 48.5, "collections": [{"collection": "LUNG", "site": "LUNG", "visibility": 0, "stored": 1, "access": "public", "licence": "CC BY 4.0"}], "warnings": []}');
INSERT INTO "ingest_run" VALUES(4,'0000000000000000000000000000000000000000000000000000000000000000','2026-11-22 02:25:20.825000',NULL,NULL);
CREATE TABLE instance (
	id INTEGER NOT NULL, 
	series_key INTEGER NOT NULL, 
	uid_digest BLOB NOT NULL, 
	sop_instance_uid VARCHAR(64) NOT NULL, 
	instance_number BIGINT, 
	acquisition_number BIGINT, 
	content_date DATE, 
	content_time VARCHAR(16), 
	acquisition_date DATE, 
	acquisition_time VARCHAR(16), 
	image_type VARCHAR(64), 
	contrast_bolus_agent VARCHAR(64), 
	image_rows BIGINT, 
	image_columns BIGINT, 
	number_of_frames BIGINT, 
	pixel_spacing FLOAT, 
	slice_thickness FLOAT, 
	slice_location FLOAT, 
	image_position VARCHAR(64), 
	image_orientation VARCHAR(128), 
	sop_class_term INTEGER, 
	transfer_syntax_term INTEGER NOT NULL, 
	size BIGINT NOT NULL, 
	md5 BLOB NOT NULL, 
	sha256 BLOB NOT NULL, 
	crc32 BIGINT NOT NULL, 
	object_id INTEGER NOT NULL, 
	object_offset BIGINT NOT NULL, 
	stored_length BIGINT NOT NULL, 
	encoding VARCHAR(8) NOT NULL, 
	CONSTRAINT pk_instance PRIMARY KEY (id), 
	CONSTRAINT fk_instance_object_id FOREIGN KEY(object_id) REFERENCES stored_object (id), 
	CONSTRAINT fk_instance_series_key FOREIGN KEY(series_key) REFERENCES series (id), 
	CONSTRAINT fk_instance_sop_class_term FOREIGN KEY(sop_class_term) REFERENCES uid_term (id), 
	CONSTRAINT fk_instance_transfer_syntax_term FOREIGN KEY(transfer_syntax_term) REFERENCES uid_term (id), 
	CONSTRAINT uq_instance_uid_digest UNIQUE (uid_digest)
);
INSERT INTO "instance" VALUES(1,1,X'238DCFA726A0661D9F4E85887640DA28','1.2.826.0.1.3680043.8.498.91503017303929275313631746785433510645',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,16,16,NULL,NULL,NULL,NULL,NULL,NULL,2,1,1282,X'3C5E1A62986F601242C9C801CA632EAD',X'461C2C83E9BAEB5E0238745DD2DDE1AAF5B0C44F23D40E4B12A31CCEC6D5C991',2223691756,1,0,1282,'identity');
INSERT INTO "instance" VALUES(2,1,X'7CF5FB9F9C1FF08803F1402474E6161D','1.2.826.0.1.3680043.8.498.73180285048007015550984626322574439885',2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,16,16,NULL,NULL,NULL,NULL,NULL,NULL,2,1,1282,X'9A78AB57D542A18450206F86D6EDAA36',X'F800C50F2B12E8EF5404E0649FDD0E3DF6CB02F5398065375882720B053C9C49',2018419761,1,1282,1282,'identity');
INSERT INTO "instance" VALUES(3,1,X'DB01D3FA134508EE33A041E1179F1324','1.2.826.0.1.3680043.8.498.16088319979888224009953014776869972975',3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,16,16,NULL,NULL,NULL,NULL,NULL,NULL,2,1,1282,X'F55788FE4B41EFE47C129CFD1C5E2934',X'09014A79D0C88CB2BD9D97A98ABF4F9F083F1AADF697BE46C205BFE317A0AA16',786998536,1,2564,1282,'identity');
INSERT INTO "instance" VALUES(4,2,X'F22BA88716D5BB34F887F69C9D9786DD','1.2.826.0.1.3680043.8.498.10406224746543392105020752947747697645',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,16,16,NULL,NULL,NULL,NULL,NULL,NULL,2,1,1282,X'30BBB7A73954D6A1C4A879BF3796D34D',X'2161AD2D1DEE49E233EAF8C374E3B97E8CB2090595EF27F328BE1EE5417EF981',479914792,1,3846,1282,'identity');
INSERT INTO "instance" VALUES(5,2,X'14BE4868C69F5CD1FA92F783D1A85192','1.2.826.0.1.3680043.8.498.27705131076424445251141631571630584034',2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,16,16,NULL,NULL,NULL,NULL,NULL,NULL,2,1,1282,X'938913874E0FD2DD0E1F7A90CFFF2CE7',X'4DBD26DC590F6F3B9CCD589C42258EDD30AF2D929E5039913BDCFABB2C4F4696',444659253,1,5128,1282,'identity');
INSERT INTO "instance" VALUES(6,3,X'876FAB5EBF6EC5C3D425D37A69BAE030','1.2.826.0.1.3680043.8.498.54625125366431468525978019426979124329',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,8,8,NULL,NULL,NULL,NULL,NULL,NULL,2,1,898,X'330FEAF03C2EB58178FD4F162E6F3DA8',X'366F22293D6C1D93438996DBECE21E5C9B13C853968C3BAE16C9ECE06FF4FE8D',3027750517,3,0,898,'identity');
INSERT INTO "instance" VALUES(7,4,X'8697C0E9BB56B3A3D09B39FA2388B0F2','1.2.826.0.1.3680043.8.498.63750862158924938039466708910129158619',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,16,16,NULL,NULL,NULL,NULL,NULL,NULL,2,1,1282,X'48C6B2456AD0DB1A68019C652BA29585',X'DB6B975CEC25B71294FCC16BA772EC5265D042A9FD960A1BD8373B2C3790BCD0',150724866,5,0,1282,'identity');
CREATE TABLE licence (
	id INTEGER NOT NULL, 
	long_name VARCHAR(500) NOT NULL, 
	short_name VARCHAR(200) NOT NULL, 
	url VARCHAR(500) NOT NULL, 
	text TEXT NOT NULL, 
	commercial_use BOOLEAN NOT NULL, 
	CONSTRAINT pk_licence PRIMARY KEY (id), 
	CONSTRAINT uq_licence_long_name UNIQUE (long_name)
);
INSERT INTO "licence" VALUES(1,'Creative Commons Attribution 4.0 International License','CC BY 4.0','https://creativecommons.org/licenses/by/4.0/','',1);
CREATE TABLE membership (
	account_id INTEGER NOT NULL, 
	account_group_id INTEGER NOT NULL, 
	CONSTRAINT pk_membership PRIMARY KEY (account_id, account_group_id), 
	CONSTRAINT fk_membership_account_group_id FOREIGN KEY(account_group_id) REFERENCES account_group (id), 
	CONSTRAINT fk_membership_account_id FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "membership" VALUES(1,1);
CREATE TABLE patient (
	id INTEGER NOT NULL, 
	site_id INTEGER NOT NULL, 
	patient_id VARCHAR(64) NOT NULL, 
	patient_name VARCHAR(250), 
	patient_birth_date DATE, 
	patient_sex VARCHAR(16), 
	ethnic_group VARCHAR(16), 
	species_description VARCHAR(500), 
	species_code VARCHAR(64), 
	qc_subject VARCHAR(16), 
	CONSTRAINT pk_patient PRIMARY KEY (id), 
	CONSTRAINT fk_patient_site_id FOREIGN KEY(site_id) REFERENCES site (id), 
	CONSTRAINT uq_patient_site_id_patient_id UNIQUE (site_id, patient_id)
);
INSERT INTO "patient" VALUES(1,1,'PAT-A','Patient^A',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "patient" VALUES(2,1,'PAT-B','Patient^B',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "patient" VALUES(3,2,'PAT-M','Patient^M',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "patient" VALUES(4,1,'PAT-H','Patient^H',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE protection_element (
	protection_group_id INTEGER NOT NULL, 
	site_id INTEGER NOT NULL, 
	CONSTRAINT pk_protection_element PRIMARY KEY (protection_group_id, site_id), 
	CONSTRAINT fk_protection_element_protection_group_id FOREIGN KEY(protection_group_id) REFERENCES protection_group (id), 
	CONSTRAINT fk_protection_element_site_id FOREIGN KEY(site_id) REFERENCES site (id)
);
INSERT INTO "protection_element" VALUES(1,1);
INSERT INTO "protection_element" VALUES(2,2);
CREATE TABLE protection_group (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	description TEXT, 
	CONSTRAINT pk_protection_group PRIMARY KEY (id), 
	CONSTRAINT uq_protection_group_name UNIQUE (name)
);
INSERT INTO "protection_group" VALUES(1,'NCIA.PUBLIC','What everybody may see.');
INSERT INTO "protection_group" VALUES(2,'brain',NULL);
CREATE TABLE quarantine (
	id INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	reason VARCHAR(40) NOT NULL, 
	message TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	created DATETIME NOT NULL, 
	assignment TEXT, 
	object_id INTEGER, 
	object_offset BIGINT, 
	stored_length BIGINT, 
	CONSTRAINT pk_quarantine PRIMARY KEY (id), 
	CONSTRAINT fk_quarantine_object_id FOREIGN KEY(object_id) REFERENCES stored_object (id)
);
INSERT INTO "quarantine" VALUES(1,'/tmp/scans/lung/cut.dcm','unreadable','The element (FFFF,FFFF) holds something that is not an item, at byte 140.',192,'2026-11-22 02:25:20.726000','{"collection": "LUNG", "site": "LUNG", "licence": {"long_name": "Creative Commons Attribution 4.0 International License", "short_name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/", "text": "", "commercial_use": true}, "description_uri": "https://doi.org/10.7937/lung", "third_party_analysis": false, "visibility": 1, "access": "public"}',2,0,192);
INSERT INTO "quarantine" VALUES(2,'/tmp/scans/brain/m.dcm','conflict','/tmp/scans/brain/conflict.dcm has the same SOP Instance UID 1.2.826.0.1.3680043.8.498.54625125366431468525978019426979124329 and other bytes.',1330,'2026-11-22 02:25:20.767000','{"collection": "BRAIN", "site": "BRAIN", "licence": null, "description_uri": null, "third_party_analysis": false, "visibility": 1, "access": "restricted"}',4,0,1330);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	study_key INTEGER NOT NULL, 
	patient_key INTEGER NOT NULL, 
	site_id INTEGER NOT NULL, 
	series_instance_uid VARCHAR(64) NOT NULL, 
	modality VARCHAR(16) NOT NULL, 
	series_date DATE, 
	series_desc VARCHAR(64), 
	protocol_name VARCHAR(64), 
	body_part_examined VARCHAR(16), 
	series_number FLOAT, 
	series_laterality VARCHAR(16), 
	frame_of_reference_uid VARCHAR(64), 
	synchronization_frame_uid VARCHAR(64), 
	manufacturer VARCHAR(64), 
	manufacturer_model_name VARCHAR(64), 
	software_versions VARCHAR(500), 
	institution_name VARCHAR(64), 
	institution_address VARCHAR(1024), 
	station_name VARCHAR(16), 
	device_serial_number VARCHAR(64), 
	visibility SMALLINT NOT NULL, 
	released_status VARCHAR(3) NOT NULL, 
	date_released DATETIME, 
	max_submission_timestamp DATETIME NOT NULL, 
	annotations_flag BOOLEAN, 
	annotation_size BIGINT NOT NULL, 
	third_party_analysis VARCHAR(3), 
	description_uri VARCHAR(500), 
	licence_name VARCHAR(200), 
	licence_url VARCHAR(500), 
	exclude_commercial BOOLEAN NOT NULL, 
	image_count INTEGER NOT NULL, 
	file_size BIGINT NOT NULL, 
	CONSTRAINT pk_series PRIMARY KEY (id), 
	CONSTRAINT ck_series_visibility CHECK (visibility BETWEEN 0 AND 12), 
	CONSTRAINT fk_series_patient_key FOREIGN KEY(patient_key) REFERENCES patient (id), 
	CONSTRAINT fk_series_site_id FOREIGN KEY(site_id) REFERENCES site (id), 
	CONSTRAINT fk_series_study_key FOREIGN KEY(study_key) REFERENCES study (id), 
	CONSTRAINT uq_series_series_instance_uid UNIQUE (series_instance_uid)
);
INSERT INTO "series" VALUES(1,1,1,1,'1.2.826.0.1.3680043.8.498.38650597770005679262845193180963168479','CT',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'Yes','2026-11-22 02:25:20.707000','2026-11-22 02:25:20.707000',NULL,0,'NO','https://doi.org/10.7937/lung','CC BY 4.0','https://creativecommons.org/licenses/by/4.0/',0,3,3846);
INSERT INTO "series" VALUES(2,2,2,1,'1.2.826.0.1.3680043.8.498.16533526608489824740622959092165869748','CT',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'Yes','2026-11-22 02:25:20.707000','2026-11-22 02:25:20.707000',NULL,0,'NO','https://doi.org/10.7937/lung','CC BY 4.0','https://creativecommons.org/licenses/by/4.0/',0,2,2564);
INSERT INTO "series" VALUES(3,3,3,2,'1.2.826.0.1.3680043.8.498.53520846117624840492163036427249915137','MR',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'Yes','2026-11-22 02:25:20.753000','2026-11-22 02:25:20.753000',NULL,0,'NO',NULL,NULL,NULL,0,1,898);
INSERT INTO "series" VALUES(4,4,4,1,'1.2.826.0.1.3680043.8.498.96579951714374397801978212593977783307','CT',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'No',NULL,'2026-11-22 02:25:20.798000',NULL,0,'NO','https://doi.org/10.7937/lung','CC BY 4.0','https://creativecommons.org/licenses/by/4.0/',0,1,1282);
CREATE TABLE site (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	licence_id INTEGER, 
	CONSTRAINT pk_site PRIMARY KEY (id), 
	CONSTRAINT fk_site_collection_id FOREIGN KEY(collection_id) REFERENCES collection (id), 
	CONSTRAINT fk_site_licence_id FOREIGN KEY(licence_id) REFERENCES licence (id), 
	CONSTRAINT uq_site_collection_id_name UNIQUE (collection_id, name)
);
INSERT INTO "site" VALUES(1,1,'LUNG',1);
INSERT INTO "site" VALUES(2,2,'BRAIN',NULL);
CREATE TABLE stored_object (
	id INTEGER NOT NULL, 
	object_key VARCHAR(4096) NOT NULL, 
	in_place BOOLEAN NOT NULL, 
	size BIGINT NOT NULL, 
	modified_ns BIGINT, 
	CONSTRAINT pk_stored_object PRIMARY KEY (id), 
	CONSTRAINT uq_stored_object_object_key UNIQUE (object_key)
);
INSERT INTO "stored_object" VALUES(1,'1d/c673aadf5cb967a7/90cdd9d989794c6282f5e9e6bca4db78.pack',0,6410,1795314320702867232);
INSERT INTO "stored_object" VALUES(2,'quarantine/0d34553de5a24da3a3db31d0bda311c1.dcm',0,192,NULL);
INSERT INTO "stored_object" VALUES(3,'67/1b6f62f8307c6728/ed3df8e3f1404491966b45d05e94cffe.pack',0,898,1795314320751426167);
INSERT INTO "stored_object" VALUES(4,'quarantine/ae0bd0e88d4f40eeadb3ce9b4ad485fc.dcm',0,1330,NULL);
INSERT INTO "stored_object" VALUES(5,'6c/676467b1f3448665/6f35c11a68f94117ad869a23ca781add.pack',0,1282,1795314320791350329);
CREATE TABLE study (
	id INTEGER NOT NULL, 
	patient_key INTEGER NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	study_date DATE, 
	study_time VARCHAR(16), 
	study_desc VARCHAR(64), 
	admitting_diagnoses_desc VARCHAR(64), 
	study_id VARCHAR(16), 
	patient_age VARCHAR(4), 
	patient_size FLOAT, 
	patient_weight FLOAT, 
	occupation VARCHAR(16), 
	additional_patient_history VARCHAR(4000), 
	longitudinal_event_type VARCHAR(16), 
	longitudinal_offset FLOAT, 
	CONSTRAINT pk_study PRIMARY KEY (id), 
	CONSTRAINT fk_study_patient_key FOREIGN KEY(patient_key) REFERENCES patient (id), 
	CONSTRAINT uq_study_study_instance_uid UNIQUE (study_instance_uid)
);
INSERT INTO "study" VALUES(1,1,'1.2.826.0.1.3680043.8.498.44306153913913695615313900112450385852','2020-01-02',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "study" VALUES(2,2,'1.2.826.0.1.3680043.8.498.11965566338815945138704250981180661018','2020-01-02',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "study" VALUES(3,3,'1.2.826.0.1.3680043.8.498.76335597452558210938504277556163333350','2020-01-02',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "study" VALUES(4,4,'1.2.826.0.1.3680043.8.498.15704228230902175796505951161772284531','2020-01-02',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE uid_term (
	id INTEGER NOT NULL, 
	uid VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_uid_term PRIMARY KEY (id), 
	CONSTRAINT uq_uid_term_uid UNIQUE (uid)
);
INSERT INTO "uid_term" VALUES(1,'1.2.840.10008.1.2.1');
INSERT INTO "uid_term" VALUES(2,'1.2.840.10008.5.1.4.1.1.2');
CREATE INDEX ix_download_at ON download (at);
CREATE INDEX ix_download_series_instance_uid ON download (series_instance_uid);
CREATE INDEX ix_ingest_run_run_key ON ingest_run (run_key);
CREATE INDEX ix_access_grant_account_group_id ON access_grant (account_group_id);
CREATE INDEX ix_access_grant_account_id ON access_grant (account_id);
CREATE INDEX ix_ingest_batch_run_id ON ingest_batch (run_id);
CREATE INDEX ix_quarantine_object_id ON quarantine (object_id);
CREATE INDEX ix_study_patient_key ON study (patient_key);
CREATE INDEX ix_series_date_released ON series (date_released);
CREATE INDEX ix_series_patient_key ON series (patient_key);
CREATE INDEX ix_series_site_id_visibility_modality ON series (site_id, visibility, modality);
CREATE INDEX ix_series_study_key ON series (study_key);
CREATE INDEX ix_instance_object_id ON instance (object_id);
CREATE INDEX ix_instance_series_key ON instance (series_key);
CREATE INDEX ix_patient_upper_patient_id ON patient (upper(patient_id));
CREATE INDEX ix_series_upper_modality ON series (upper(modality));
COMMIT;

"""Files that stand beside reports in every working copy, and are none: no format takes them.

What is recognised and cannot be read is attested as not passed, so that a file taken by mistake fails a release.
"""

import pytest

from collector.formats import recognise

OTHERS: dict[str, bytes] = {
    "package.json": (
        b'{"name":"shop","version":"2.1.0","type":"module","scripts":{"test":"jest"},'
        b'"dependencies":{"left-pad":"^1.3.0"},"devDependencies":{"jest":"29"}}'
    ),
    "package-lock.json": (
        b'{"name":"shop","version":"2.1.0","lockfileVersion":3,"requires":true,"packages":{"":{"name":"shop",'
        b'"dependencies":{"a":"1"}},"node_modules/a":{"version":"1.0.0","resolved":"https://r/a.tgz",'
        b'"integrity":"sha512-x","license":"MIT"}},"dependencies":{"a":{"version":"1.0.0"}}}'
    ),
    "composer.lock": (
        b'{"_readme":["x"],"content-hash":"0","packages":[{"name":"a/b","version":"1","source":{"type":"git"},'
        b'"require":{"php":"8"},"license":["MIT"]}],"packages-dev":[],"aliases":[],"plugin-api-version":"2.6.0"}'
    ),
    "composer.json": b'{"name":"a/b","type":"project","license":"MIT","require":{"php":">=8"},"autoload":{"psr-4":{}}}',
    "Pipfile.lock": b'{"_meta":{"hash":{"sha256":"0"},"sources":[{"name":"pypi"}]},"default":{},"develop":{}}',
    "deno.lock": b'{"version":"4","specifiers":{"jsr:@std/x@1":"1.0"},"jsr":{"@std/x@1":{"integrity":"0"}}}',
    "packages.lock.json": b'{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1"}}}}',
    "project.assets.json": b'{"version":3,"targets":{"net8.0":{}},"libraries":{},"project":{"version":"1"}}',
    "bower.json": b'{"name":"x","version":"1","dependencies":{},"ignore":["**/.*"]}',
    "tsconfig.json": b'{\n  // the compiler\n  "compilerOptions":{"strict":true},"files":[],"references":[]}',
    "jest.config.json": b'{"testEnvironment":"node","coverageThreshold":{"global":{"lines":80}}}',
    ".eslintrc.json": b'{"root":true,"extends":["eslint:recommended"],"rules":{"semi":["error","always"]}}',
    "renovate.json": b'{"$schema":"https://docs.renovatebot.com/renovate-schema.json","packageRules":[{"enabled":false}]}',
    "settings.json": b'{"editor.tabSize":2,"files.exclude":{"**/.git":true}}',
    "launch.json": b'{"version":"0.2.0","configurations":[{"type":"node","request":"launch","name":"x"}]}',
    "tasks.json": b'{"version":"2.0.0","tasks":[{"label":"test","type":"shell","command":"make test"}]}',
    "manifest.json": b'{"manifest_version":3,"name":"x","version":"2.0.0","icons":{"16":"a.png"},"permissions":[]}',
    "OpenAPI": (
        b'{"openapi":"3.1.0","info":{"title":"x","version":"2.1.0"},"servers":[{"url":"/"}],"paths":{"/a":{"get":{'
        b'"responses":{"200":{"description":"ok"}}}}},"components":{"schemas":{}},"tags":[{"name":"t"}]}'
    ),
    "Swagger": b'{"swagger":"2.0","info":{"title":"x","version":"1"},"paths":{},"definitions":{}}',
    "JSON schema": b'{"$schema":"http://json-schema.org/draft-07/schema#","$id":"x","type":"object","properties":{}}',
    "GeoJSON": (
        b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point",'
        b'"coordinates":[1.5,2.5]},"properties":{"name":"x"}}]}'
    ),
    "notebook": (
        b'{"cells":[{"cell_type":"code","execution_count":1,"metadata":{},"outputs":[],"source":["1"]}],'
        b'"metadata":{"kernelspec":{"name":"python3"}},"nbformat":4,"nbformat_minor":5}'
    ),
    "JSON-LD": b'{"@context":"https://schema.org","@type":"Organization","@graph":[],"name":"x"}',
    "web app manifest": b'{"short_name":"x","start_url":"/","display":"standalone","icons":[]}',
    "source map": b'{"version":3,"file":"a.js","sources":["a.ts"],"names":[],"mappings":"AAAA","sourcesContent":["x"]}',
    "har": b'{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[],"pages":[]}}',
    "terraform state": b'{"version":4,"terraform_version":"1.9.0","serial":1,"outputs":{},"resources":[]}',
    "terraform plan": b'{"format_version":"1.2","planned_values":{},"resource_changes":[],"errored":false}',
    "CloudFormation": b'{"AWSTemplateFormatVersion":"2010-09-09","Resources":{"B":{"Type":"AWS::S3::Bucket"}}}',
    "Kubernetes list": b'{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"x"}}]}',
    "docker inspect": b'[{"Id":"sha256:00","RepoTags":["a:1"],"Created":"2024-01-26T00:00:00Z","Config":{}}]',
    "docker manifest": (
        b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"sha256:0"},'
        b'"layers":[]}'
    ),
    "docker config.json": b'{"auths":{"r.example":{"auth":"eDp5"}},"credsStore":"x"}',
    "an answer of an API": b'{"data":[{"id":1,"name":"x","files":["a"]}],"meta":{"total":1},"errors":[]}',
    "an answer of GraphQL": b'{"data":{"user":{"id":"1"}},"errors":[{"message":"x","path":["user"]}]}',
    "issues of a tracker": b'{"total":1,"issues":[{"key":"A-1","fields":{"summary":"x","status":{"name":"Done"}}}]}',
    "results of a search": b'{"results":[{"id":1,"title":"x"}],"version":"1.0","errors":[],"total":1}',
    "runs of a workflow": b'{"total_count":1,"workflow_runs":[{"id":1,"status":"completed","conclusion":"failure"}]}',
    "a JWS": b'{"payload":"eyJpc3MiOiJqb2UifQ","signatures":[{"protected":"eyJhbGciOiJSUzI1NiJ9","signature":"x"}]}',
    "a JWS of one signature": b'{"payload":"eyJpc3MiOiJqb2UifQ","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"x"}',
    "a message with a payload": b'{"id":7,"payload":"eyJhIjoxfQ==","topic":"orders"}',
    "a JWK set": b'{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b","kid":"1"}]}',
    "log lines": (
        b'{"time":"2024-01-26T00:00:00Z","level":"info","msg":"started"}\n'
        b'{"time":"2024-01-26T00:00:01Z","level":"error","msg":"failed"}\n'
    ),
    "log lines of a container": b'{"log":"ok 1 - x\\n","stream":"stdout","time":"2024-01-26T00:00:00Z"}\n{"log":"y"}\n',
    "events of actions": b'{"Action":"opened","number":1}\n{"Action":"closed","number":1}\n',
    "a list of names": b'[{"name":"a","status":"passed","id":1},{"name":"b","status":"failed"}]',
    "a list of codes": b'[{"code":"DE","name":"Germany"},{"code":"SE","name":"Sweden"}]',
    "a list of rules": b'[{"rule":"deny","source":"*","target":"x"}]',
    "an empty list": b"[]",
    "a number": b"42",
    "pom.xml": (
        b'<?xml version="1.0"?><project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        b"<dependencies><dependency><scope>test</scope></dependency></dependencies></project>"
    ),
    "build.xml": b'<project name="x" default="test"><target name="test"><junit/></target></project>',
    "AndroidManifest.xml": (
        b'<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="x"><application/></manifest>'
    ),
    "resources of Android": b'<resources><string name="app">x</string></resources>',
    "lint of Android": b'<issues format="6" by="lint 8.2"><issue id="x" severity="Warning"/></issues>',
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>',
    "rss": b'<rss version="2.0"><channel><title>x</title><item><title>y</title></item></channel></rss>',
    "atom": b'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry/></feed>',
    "site map": b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>x</loc></url></urlset>',
    "web.config": b'<configuration><system.web><compilation debug="true"/></system.web></configuration>',
    ".csproj": b'<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><Nullable/></PropertyGroup></Project>',
    "packages.config": b'<packages><package id="NUnit" version="3.13" targetFramework="net48"/></packages>',
    ".nuspec": b'<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata/></package>',
    ".runsettings": b"<RunSettings><RunConfiguration/></RunSettings>",
    "documentation of .NET": b"<doc><assembly><name>x</name></assembly><members/></doc>",
    "plist": b'<!DOCTYPE plist PUBLIC "x" "y"><plist version="1.0"><dict><key>a</key></dict></plist>',
    "spring": b'<beans xmlns="http://www.springframework.org/schema/beans"><bean id="x"/></beans>',
    "logback.xml": b'<configuration><appender name="x"/><root level="info"/></configuration>',
    "phpunit.xml": b'<phpunit bootstrap="x"><testsuites><testsuite name="unit"/></testsuites><coverage/></phpunit>',
    "testng.xml": b'<!DOCTYPE suite SYSTEM "x"><suite name="x"><test name="y"><classes/></test></suite>',
    "nunit project": b'<NUnitProject><Settings activeconfig="Debug"/><Config name="Debug"/></NUnitProject>',
    "checkstyle": b'<checkstyle version="8"><file name="a"><error line="1" severity="error"/></file></checkstyle>',
    "pmd": b'<pmd xmlns="http://pmd.sourceforge.net/report/2.0.0" version="7"><file name="a"/></pmd>',
    "spotbugs": b'<BugCollection version="4"><Project/><BugInstance type="x"/></BugCollection>',
    "html": b"<!DOCTYPE html><html><head><title>Coverage</title></head><body></body></html>",
    "OVAL": b'<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"><generator/></oval_definitions>',
    "docker-compose": b'services:\n  web:\n    image: "nginx@sha256:00"\n    ports: ["80:80"]\n',
    "OpenAPI in YAML": b"openapi: 3.1.0\ninfo:\n  title: x\n",
    "pnpm-lock.yaml": b"lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n",
    "yarn.lock": b'# yarn lockfile v1\n\n\na@^1.0.0:\n  version "1.0.0"\n',
    "poetry.lock": b'# This file is generated by Poetry\n\n[[package]]\nname = "a"\nversion = "1"\n',
    "Cargo.lock": b'version = 3\n\n[[package]]\nname = "a"\n',
    "Gemfile.lock": b"GEM\n  remote: https://rubygems.org/\n  specs:\n    a (1.0)\n",
    "go.sum": b"example.com/a v1.0.0 h1:00=\nexample.com/a v1.0.0/go.mod h1:00=\n",
    "go.mod": b"module example.com/a\n\ngo 1.22\n",
    "requirements.txt": b"a==1.0 \\\n    --hash=sha256:" + b"0" * 64 + b"\n",
    "sha256sums": b"0" * 63 + b"1  a.tar.gz\n" + b"0" * 63 + b"2  b.tar.gz\n",
    "checksum as BSD writes it": b"SHA256 (a.tar.gz) = " + b"0" * 63 + b"1\n",
    "Dockerfile": b"FROM nginx@sha256:" + b"0" * 64 + b"\nRUN true\n",
    "a field with a digest in YAML": b"sha256:\n  a: 1\n",
    "CHANGELOG": b"# Changelog\n\n## 1.0.0\n\n- ok 1 thing\n- not ok 2\n",
    "CSV": b"name,passed,failed\na,1,0\n",
    "CSV of findings": b"RuleID,Commit,File,SymlinkFile,Secret\nx,0,a,,y\n",
    "a log": b"2024-01-26 12:00:00 INFO ok\n2024-01-26 12:00:01 ERROR 1 failed, 3 passed\n",
    "what pytest says": b"============ test session starts ============\ncollected 1 item\n",
    "what a shell says": b"ok\nok\nnot found\n",
    "ini": b"[tool]\nmode: set\n",
    "YAML with a mode": b"mode: production\nlevel: 1\n",
    "properties": b"SF=1\nTN=2\n",
    "a vcard": b"BEGIN:VCARD\nFN:x\nEND:VCARD\n",
    "a mail": b"From: a@b\nSubject: ok 1\n\nok 1 - x\n",
    "a patch": b"diff --git a/x b/x\n--- a/x\n+++ b/x\n",
    "a certificate": b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "an archive": b"PK\x03\x04\x14\0\0\0\x08\0",
    "a program": b"\x7fELF\x02\x01\x01\0",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_no_report_is_left_alone(name: str) -> None:
    found = recognise(OTHERS[name])
    assert found is None, found.format.key

<?php
// Sends each case of forms/cases.json with PHP's curl: forms.php URL. Run by record.py.
foreach (json_decode(file_get_contents(__DIR__ . '/../forms/cases.json'), true) as $case) {
    $fields = [];
    foreach ($case['files'] as $i => $file) {
        file_put_contents($file['name'], $file['content']);
        // PHP has no list of fields with one name; `file` and `file[1]` are what its users write.
        $fields[$i == 0 ? 'file' : "file[$i]"] = new CURLFile($file['name'], 'text/csv', $file['name']);
    }
    foreach (['params', 'metadata'] as $name) {
        if (isset($case[$name])) $fields[$name] = $case[$name];
    }
    $request = curl_init("$argv[1]/php/$case[case]");
    curl_setopt_array($request, [CURLOPT_POSTFIELDS => $fields, CURLOPT_RETURNTRANSFER => true]);
    if (curl_exec($request) === false) exit(1);
}

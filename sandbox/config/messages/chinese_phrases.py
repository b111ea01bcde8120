"""The parts of sentences in Chinese: English template -> Chinese template, with the same fields."""

from __future__ import annotations

__all__ = ["PHRASES"]

_PARTS = {
    # --- findings
    "did you mean {names}?": "是不是 {names}？",
    "it is known only after a deployment, and fcbox needs it now":
        "部署后才能得到这个值，而 fcbox 现在就需要它",
    "{key} beside instanceLifecycleConfig.initializer":
        "{key}（已有 instanceLifecycleConfig.initializer）",
    "{first} or {rest}": "{first} 或 {rest}",
    "there is {names}": "可用的有 {names}",
    "none of the {count} known names is like it": "已知的 {count} 个名称中没有相近的",
    "there is none": "没有可用的名称",
    "there is no Python file in the code": "代码中没有 Python 文件",
    "the value comes from here": "值来自这里",
    "it is used here": "在这里使用",
    "a map": "映射",
    "a list": "列表",
    "nothing": "空值",
    "missing": "空（未设置）",
    "the number {number}": "数字 {number}",
    # --- the command line
    "{errors}, {warnings}": "{errors}，{warnings}",
    "{errors}, {warnings} (with --strict, errors too)":
        "{errors}，{warnings}（使用 --strict，警告视为错误）",
    "{number} error": "{number} 个错误",
    "{number} errors": "{number} 个错误",
    "{number} warning": "{number} 个警告",
    "{number} warnings": "{number} 个警告",
    "fine": "没有问题",
    "; functions: {names}": "；函数：{names}",
    "`fcbox explain {code}` says more about a finding": "运行 `fcbox explain {code}` 查看详细说明",
    "wrong:": "错误示例：",
    "right:": "正确示例：",
    # --- variables
    "an environment variable is written ${{env('{name}')}}": "环境变量写作 ${{env('{name}')}}",
    "`this` is known below a resource": "`this` 只能在资源中使用",
    "{name}() with {count} arguments": "{name}() 的参数个数不能是 {count}",
    "more than {limit} calls in each other": "函数调用的嵌套超过 {limit} 层",
    "unexpected {char}": "意外的字符 {char}",
    "it ends too early": "表达式不完整",
    "blanks around a name": "名称前后有空格",
    "write ${{{name}}}: blanks are not ignored here": "请写为 ${{{name}}}：这里不会忽略空格",
    "<% %> is not supported": "不支持 <% %>",
    "write ${{...}}": "请写为 ${{...}}",
    "write ${{vars.list.0}} or ${{vars.map.key}}: brackets are not supported":
        "请写为 ${{vars.list.0}} 或 ${{vars.map.key}}，不支持方括号",
    "methods cannot be called; only the functions env, config, file, path and the like":
        "不能调用方法，只能调用 env、config、file、path 等内置函数",
    "the official tool has no operators; env('X', 'default') gives a default":
        "官方工具不支持运算符，默认值写作 env('X', 'default')",
    "name a variable in the braces, such as ${{vars.name}}":
        "请在花括号中写变量名，例如 ${{vars.name}}",
    "write a value itself without ${{...}}; the official tool has no operators":
        "值请直接书写，不要放在 ${{...}} 中；官方工具不支持运算符",
    "for example ${{vars.name}}, ${{this.props.name}} or ${{env('NAME', 'default')}}":
        "例如 ${{vars.name}}、${{this.props.name}} 或 ${{env('NAME', 'default')}}",
    "a text has the same quote at both ends: env('NAME')":
        "文本的首尾要使用相同的引号：env('NAME')",
    "write one of the inner calls below `vars`, and refer to it":
        "请将内层调用写在 `vars` 下，再引用它",
    "write a text in quotes, or a variable that is a text": "请写带引号的文本，或值为文本的变量",
    "take it out of the text; data of programs belongs into the code directory":
        "请从文本中删除它；程序的数据应放在代码目录中",
    "a path begins at the directory of the file that it is written in":
        "路径相对于它所在的文件的目录",
    "JSON has double quotes around texts and keys, and no comma behind the last item":
        "JSON 的文本和键使用双引号，最后一项后面没有逗号",
    "data of this size belongs into a file of the code directory":
        "这么大的数据应放在代码目录的文件中",
    "save it as UTF-8": "请另存为 UTF-8 编码",
    "{file}: {problem}": "{file}：{problem}",
    "{advice}": "{advice}",
    "write `{name}:` at the top level of the file": "请在文件顶层书写 `{name}:`",
    "{name} is null, which counts as missing: write a value":
        "{name} 的值为 null，等同于没有设置，请写一个值",
    "{name} is a list of {count} items, counted from 0":
        "{name} 是包含 {count} 项的列表，序号从 0 开始",
    "{name} is null: write a map there": "{name} 的值为 null，请写为映射",
    "{name} is {kind}: it has no parts": "{name} 是{kind}，没有下级",
    "a number, true or false": "数字、true 或 false",
    "write each resource below it, indented, with component and props":
        "请在它下面缩进书写每个资源，资源包含 component 和 props",
    "for example env: env.yaml": "例如 env: env.yaml",
    "for example {key}: {value}": "例如 {key}: {value}",
    "check this line, and the one above": "请检查这一行和上一行",
    "write a key before it, or put the text in quotes": "请在它前面写键，或给文本加上引号",
    "check escapes in double quotes, and lines that begin with %":
        "请检查双引号中的转义序列，以及以 % 开头的行",
    "make it, or name another; paths begin at the directory of the s.yaml":
        "请创建该目录，或指定另一个目录，路径相对于 s.yaml 所在的目录",
    "--env chooses an environment of this file: write it, or leave out --env":
        "--env 用来选择该文件中的环境：请编写该文件，或去掉 --env",
    "its path begins at the directory of the s.yaml": "其路径相对于 s.yaml 所在的目录",
    "the service or resource '{name}' in {text}": "{text} 中的服务或资源 '{name}'",
    "`{key}` was found below `service`: move it up, beside `service`":
        "`{key}` 写在了 `service` 下：请上移一层，与 `service` 并列",
    "3.0 has no services; what they were set to belongs to each function":
        "3.0 没有服务的概念，原来服务上的配置属于每个函数",
    "the text holds a NUL or half a character": "文本中包含 NUL 字符或不完整的字符",
    "it is for the keys of actions only": "它只能用于 actions 的键",
    "it would run a program": "它会执行外部程序",
    "credentials are never read": "fcbox 不读取任何密钥",
    "the argument must be a text": "参数必须是文本",
    "there is no readable file {path}": "文件 {path} 不存在或无法读取",
    "{path} is larger than {limit} MB": "{path} 超过 {limit} MB",
    "{path} is not UTF-8": "{path} 的编码不是 UTF-8",
    "{path} does not exist": "{path} 不存在",
    "not valid JSON in line {line}, column {column}": "第 {line} 行第 {column} 列不是有效的 JSON",
    "not valid JSON": "不是有效的 JSON",
    "nested deeper than {limit} levels": "嵌套超过 {limit} 层",
    "more than {limit} values": "超过 {limit} 个值",
    "line {line}: {message}": "第 {line} 行：{message}",
    # --- resources
    "a map of resources": "由资源组成的映射",
    "a path": "路径",
    "write component: fc3": "请写为 component: fc3",
    "for example runtime: python3.10": "例如 runtime: python3.10",
    "runtimes that run here: {names}": "这里支持的运行环境：{names}",
    "the resource's key": "资源的键",
    "without src (in OSS)": "没有 src（在 OSS 中）",
    "of this kind": "这种类型",
    "as an archive for Java": "Java 压缩包形式",
    "the path is empty": "路径为空",
    "instanceConcurrency above 1": "大于 1 的 instanceConcurrency",
    "a trigger of type {kind}": "类型为 {kind} 的触发器",
    "an item of {list}": "{list}中的一项",
    "another value": "其他值",
    "the path of a directory, or a map of path and readOnly":
        "目录的路径，或包含 path 和 readOnly 的映射",
    "it is a file: unpack it, and name the directory": "它是一个文件，请解压后指定目录",
    # --- interpreters
    "runtime {runtime} is Python {wanted}; here it runs on {found} ({path})":
        "运行环境 {runtime} 对应 Python {wanted}，本地使用 {found} 运行（{path}）",
    "there is no executable interpreter {name}": "解释器 {name} 不存在或不可执行",
    # --- cron
    "it is longer than {limit} characters": "长度超过 {limit} 个字符",
    "an interval is written as @every 5m or @every 1h30m":
        "时间间隔写作 @every 5m 或 @every 1h30m",
    "an interval of 0 never ends": "时间间隔不能为 0",
    "it has 5 fields, and the seconds come first: 0 {fields}":
        "只有 5 个字段，最前面还需要秒：0 {fields}",
    "it has {count} fields, and 6 are needed: seconds minutes hours day-of-month month day-of-week":
        "有 {count} 个字段，需要 6 个：秒 分 时 日 月 星期",
    "'{zone}' is no time zone such as CRON_TZ=Asia/Shanghai":
        "'{zone}' 不是有效的时区，例如 CRON_TZ=Asia/Shanghai",
    "'{word}' cannot be the {name} ({least} to {most})":
        "'{word}' 不能用作{name}（{least} 到 {most}）",
    "seconds": "秒",
    "minutes": "分钟",
    "hours": "小时",
    "day-of-month": "日期",
    "month": "月份",
    "day-of-week": "星期",
    # --- files of FC 2.0
    "2.0 does not read it": "FC 2.0 不读取它",
    "3.0 uploads the code itself": "3.0 会自行上传代码",
    "3.0 has no such protection of deployments": "3.0 没有这种部署保护",
    "3.0 finds the registry by the image's address": "3.0 根据镜像地址确定镜像仓库",
    "3.0 always accelerates images": "3.0 始终启用镜像加速",
    "3.0 has instanceConcurrency alone": "3.0 只有 instanceConcurrency",
    "custom domains are not local; in 3.0 they are resources of their own, with the component "
    "fc3-domain": "自定义域名不在本地生效，在 3.0 中它是单独的资源，组件为 fc3-domain",
    "in 3.0 cpu and memorySize say how large an instance is":
        "在 3.0 中，实例规格由 cpu 和 memorySize 决定",
    "3.0 makes no role on deployment": "3.0 部署时不会创建角色",
}  # fmt: skip

_YAML = {
    "put the text in quotes": "请给文本加上引号",
    "the parser says: {problem}": "解析器提示：{problem}",
    # --- keys and colons
    "this key is too long: a key may have at most {limit} characters":
        "键太长：最多 {limit} 个字符",
    "put a long text behind its key": "较长的文本应作为值，写在键的后面",
    "write the quotes as \" or '": "请改用半角引号 \" 或 '",
    "a second ': ' in one line": "一行中出现了第二个冒号加空格",
    "put the whole value in quotes": "请给整个值加上引号",
    "put the whole value in quotes: {key}: '{value}'": "请给整个值加上引号：{key}: '{value}'",
    "this line is indented deeper than the one above, which has a value":
        "这一行的缩进比上一行深，而上一行已经有值",
    "give both the same indentation, or take the value away from the key above":
        "请让两行缩进相同，或去掉上一行的值",
    "a key and its colon are missing in this line": "这一行缺少键和冒号",
    "a line of a map has the form `key: value`": "映射中每一行的格式为 `key: value`",
    "write {key}: and a blank": "请写为 {key}: 并在后面加一个空格",
    "there is no blank after the colon": "冒号后面缺少空格",
    "there is a = where a colon is needed": "此处应为冒号，而不是等号",
    "there is no blank after the dash": "短横线后面缺少空格",
    "a list item begins with a dash and a blank": "列表项以短横线加空格开头",
    "the colon is a full-width one": "冒号是全角的",
    "this is no comment": "这不是注释",
    "a comment begins with # in YAML": "YAML 的注释以 # 开头",
    # --- indentation and lists
    "{bracket} closes nothing": "{bracket} 没有对应的左括号",
    "take it away, or open it before": "请删除它，或在前面补上左括号",
    "there is no key before the colon": "冒号前面没有键",
    "a list item cannot stand here": "此处不能出现列表项",
    "a list is indented below its key, and its dashes stand in one column":
        "列表写在键的下方，各项的短横线对齐",
    "{text} cannot stand here": "此处不能出现 {text}",
    "a {quote} inside these quotes is written {twice}": "这对引号里面的 {quote} 要写为 {twice}",
    "text behind the closing quote": "右引号后面还有文本",
    "the indentation of this line ({count}) fits none of the lines above":
        "这一行的缩进（{count} 个空格）与前面各行都不对齐",
    "blanks that would fit: {names}": "可用的空格数：{names}",
    "this line does not fit the lines above": "这一行与前面的内容不匹配",
    "check the indentation, and the line above": "请检查缩进和上一行",
    "a list goes on here, and this line has no dash": "此处列表尚未结束，而这一行没有短横线",
    "begin it with a dash and a blank, or indent it as the key of the list":
        "请以短横线加空格开头，或与列表的键对齐",
    "lines with % end with a line ---": "以 % 开头的指令行之后需要一行 ---",
    "write --- above this line, or take the % lines away":
        "请在这一行前面加上 ---，或删除以 % 开头的行",
    "this line begins further left than the first one": "这一行比第一行更靠左",
    "the keys of one map begin in the same column": "同一个映射的键要左对齐",
    "the file could end above: this does not belong to it": "前面的内容已经结束，这一行不属于它",
    "a file is one map of keys and values": "一个文件是一个由键和值组成的映射",
    # --- quotes and brackets
    "a quote is opened here and not closed in this line": "此处的引号没有在本行内闭合",
    "close it, or quote the text with the other kind of quote":
        "请补上右引号，或改用另一种引号",
    "{found} closes a {opening}": "{opening} 与 {found} 不匹配",
    "write {closing}": "请写为 {closing}",
    "{opening} is opened here and never closed": "此处的 {opening} 没有闭合",
    "write {closing} behind the last item, or put the text in quotes":
        "请在最后一项后面加上 {closing}，或给文本加上引号",
    "${{...}} needs quotes inside brackets and braces": "在方括号和花括号中，${{...}} 需要加引号",
    "put the whole text in quotes": "请给整个文本加上引号",
    "write {text}": "请写为 {text}",
    "a comma is missing": "缺少逗号",
    "inside brackets a comma stands between two items": "括号中的各项之间要用逗号分隔",
    "{text} is half a character": "{text} 不是完整的字符",
    "write the character itself instead of its code": "请直接写出该字符，不要使用编码",
    "{text} is no escape that YAML knows": "{text} 不是 YAML 的转义序列",
    "write the text in single quotes, where a backslash is an ordinary character, or write \\\\":
        "请改用单引号（其中反斜杠是普通字符），或写成 \\\\",
    # --- first characters
    "``` belongs to Markdown and not to the file": "``` 是 Markdown 的标记，不属于文件内容",
    "delete this line, and the one with ``` at the end": "请删除这一行和末尾的 ``` 行",
    "a text cannot begin with {char}": "文本不能以 {char} 开头",
    "{char} begins {kind}, and none follows": "{char} 后面应为{kind}，但没有",
    "the name of an anchor": "锚点的名称",
    "an anchor": "锚点",
    "this is not a valid tag": "这不是有效的标签",
    "quote the text if it begins with an exclamation mark": "以感叹号开头的文本需要加引号",
    "a line that begins with % is a directive, and this is none":
        "以 % 开头的行是指令，而这一行不是有效的指令",
    "put the text in quotes, or delete the line": "请给文本加上引号，或删除这一行",
    "text behind {char} in the same line": "{char} 后面的同一行中不能有文本",
    "begin the text in the next line, indented; or put it in quotes":
        "请将文本写在下一行并缩进，或加上引号",
    "a list cannot begin in the line of its key": "列表不能与键写在同一行",
    "write each item in a line of its own, or put the text in quotes":
        "请将每一项单独写一行，或给文本加上引号",
    "a question mark and a blank begin a key": "问号加空格表示一个键的开始",
    "a colon cannot stand here": "此处不能出现冒号",
    # --- odd blanks
    "a no-break space (U+00A0)": "不换行空格（U+00A0）",
    "a full-width blank (U+3000)": "全角空格（U+3000）",
    "an en space (U+2002)": "半身空格（U+2002）",
    "an em space (U+2003)": "全身空格（U+2003）",
    "a zero-width space (U+200B)": "零宽空格（U+200B）",
}  # fmt: skip

_EXPECTED = {
    # --- numbers
    "a number of seconds from 0 to 60": "0 到 60 之间的秒数",
    "a number of seconds from 0 to 3600": "0 到 3600 之间的秒数",
    "a number of seconds from 0 to 120": "0 到 120 之间的秒数",
    "a number of seconds from 1 to 120": "1 到 120 之间的秒数",
    "a number of seconds from 1 to 3": "1 到 3 之间的秒数",
    "a number of seconds from 1 to 90": "1 到 90 之间的秒数",
    "a number of seconds from 1 to 300": "1 到 300 之间的秒数",
    "a number of seconds from 1 to 86400": "1 到 86400 之间的秒数",
    "a whole number of seconds from 1 to 2592000": "1 到 2592000 之间的整数秒",
    "a whole number from 0 to 8": "0 到 8 之间的整数",
    "a whole number from 0 to 64": "0 到 64 之间的整数",
    "a whole number from 0 to 1000": "0 到 1000 之间的整数",
    "a whole number from 1 to 120": "1 到 120 之间的整数",
    "a whole number from 1 to 200": "1 到 200 之间的整数",
    "a whole number from 1 to 1000": "1 到 1000 之间的整数",
    "a port from 0 to 65535": "0 到 65535 之间的端口",
    "a port from 1 to 65535": "1 到 65535 之间的端口",
    "a multiple of 64 from 128 to 32768": "128 到 32768 之间 64 的倍数",
    "a number of vCPUs from 0.05 to 16": "0.05 到 16 之间的 vCPU 数",
    "512 or 10240": "512 或 10240",
    "the number of a user, -1 to 65534": "用户 ID，-1 到 65534",
    "the number of a group, -1 to 65534": "用户组 ID，-1 到 65534",
    # --- texts
    "a text": "文本",
    "a text such as http or timer": "文本，例如 http 或 timer",
    "a text such as cn-hangzhou": "文本，例如 cn-hangzhou",
    "a text such as python3.10": "文本，例如 python3.10",
    "a text such as 0 0 4 * * * or @every 5m": "文本，例如 0 0 4 * * * 或 @every 5m",
    "a text of the form file.function": "格式为 file.function 的文本",
    "a text of the form host:/path": "格式为 host:/path 的文本",
    "1 to 64 letters, digits, _, - and $, no digit, - or $ first, no $ last":
        "1 到 64 个字符的文本，可以包含字母、数字、_、- 和 $，不能以数字、-、$ 开头或以 $ 结尾",
    "true or false": "true 或 false",
    "doc or runtime": "doc 或 runtime",
    "none, process or strict": "none、process 或 strict",
    "host or off": "host 或 off",
    "anonymous, function or jwt": "anonymous、function 或 jwt",
    "SHARE, SESSION_EXCLUSIVE or REQUEST_EXCLUSIVE":
        "SHARE、SESSION_EXCLUSIVE 或 REQUEST_EXCLUSIVE",
    "NONE, MCP_SSE, MCP_STREAMABLE, HEADER_FIELD or a cookie's kind":
        "NONE、MCP_SSE、MCP_STREAMABLE、HEADER_FIELD 或 Cookie 类型",
    "a directory": "目录",
    "the path of a directory": "目录的路径",
    "the path of an interpreter": "解释器的路径",
    "an absolute path in the function, such as /mnt/data": "函数中的绝对路径，例如 /mnt/data",
    "a path in the bucket": "Bucket 中的路径",
    "the name of a bucket": "Bucket 名称",
    "the digits of an account id": "由数字组成的账号 ID",
    "the address of OSS": "OSS 的地址",
    "the address of the API": "API 的地址",
    "the id of a pool of instances": "实例池 ID",
    "the id of a resource group": "资源组 ID",
    "the name of an artifact that holds the code": "存放代码的制品的名称",
    "the ARN of a role, or auto": "角色的 ARN，或 auto",
    "the ARN of the role that may call the function": "允许调用函数的角色的 ARN",
    "the ARN of the source of events": "事件源的 ARN",
    "a version or alias, such as LATEST": "版本或别名，例如 LATEST",
    "the version or alias that is called, such as LATEST": "被调用的版本或别名，例如 LATEST",
    "what the function is for": "函数的用途",
    "what the trigger is for": "触发器的用途",
    "more, for later releases of the component": "供组件后续版本使用的其他配置",
    "what jwt needs: jwks, tokenLookup, claimPassBy":
        "jwt 所需的配置：jwks、tokenLookup、claimPassBy",
    # --- lists
    "a list of texts": "由文本组成的列表",
    "a list of texts, for custom runtimes": "由文本组成的列表，用于自定义运行时",
    "a list of actions": "由操作组成的列表",
    "a list of policies": "由策略组成的列表",
    "a list of triggers": "由触发器组成的列表",
    "a list of aliases": "由别名组成的列表",
    "a list of the ARNs of layers": "由层的 ARN 组成的列表",
    "a list of maps of key and value": "由包含 key 和 value 的映射组成的列表",
    "a list of maps with serverAddr and mountDir": "由包含 serverAddr 和 mountDir 的映射组成的列表",
    "a list of maps with bucketName and mountDir": "由包含 bucketName 和 mountDir 的映射组成的列表",
    "a list of GET, POST, PUT, DELETE, HEAD, OPTIONS, PATCH":
        "由 GET、POST、PUT、DELETE、HEAD、OPTIONS、PATCH 组成的列表",
    # --- maps
    "a map of texts": "值为文本的映射",
    "a map that depends on triggerType": "由 triggerType 决定内容的映射",
    "a map, or a text of JSON": "映射，或 JSON 文本",
    "a map of function names": "以函数名称为键的映射",
    "a map of layers and mount points to directories of this machine":
        "层和挂载点到本机目录的映射",
    "a map of onSuccess and onFailure": "包含 onSuccess 和 onFailure 的映射",
    "a map of handler and timeout": "包含 handler 和 timeout 的映射",
    "a map of initializer and preStop": "包含 initializer 和 preStop 的映射",
    "a map with httpGetUrl": "包含 httpGetUrl 的映射",
    "a path such as /ready": "路径，例如 /ready",
    "a map with reservedConcurrency": "包含 reservedConcurrency 的映射",
    "a map with defaultTarget": "包含 defaultTarget 的映射",
    "a map with minInstances": "包含 minInstances 的映射",
    "a map with maxAsyncRetryAttempts": "包含 maxAsyncRetryAttempts 的映射",
    "a map of command, args and port": "包含 command、args 和 port 的映射",
    "a map with mountPoints": "包含 mountPoints 的映射",
    "a map with mountPoints, or auto": "包含 mountPoints 的映射，或 auto",
    "a map of project and logstore, or auto": "包含 project 和 logstore 的映射，或 auto",
    "a map of vpcId, vSwitchIds, securityGroupId, or auto":
        "包含 vpcId、vSwitchIds、securityGroupId 的映射，或 auto",
    "a map with vpcIds": "包含 vpcIds 的映射",
    "a map with image": "包含 image 的映射",
    "a map with nameServers": "包含 nameServers 的映射",
    "a map with domainName": "包含 domainName 的映射",
    "a map of gpuType and gpuMemorySize": "包含 gpuType 和 gpuMemorySize 的映射",
    "a map of type and params": "包含 type 和 params 的映射",
    "a map with headers": "包含 headers 的映射",
}  # fmt: skip
"""What the models expect; an entry for each description of a field."""

PHRASES: dict[str, str] = {**_PARTS, **_YAML, **_EXPECTED}

"""The texts of findings in Chinese: those of each code here, those of the phrases in them in
`chinese_phrases`."""

from __future__ import annotations

from sandbox.config.messages.chinese_phrases import PHRASES

__all__ = ["MESSAGES", "PHRASES"]

MESSAGES: dict[str, tuple[str, str]] = {
    # --- text and YAML
    "FCB101": ("YAML 语法错误：{problem}", "{advice}"),
    "FCB102": ("文件大小超过 {limit} MB", "请将函数需要的数据放在代码目录中"),
    "FCB103": (
        "文件编码不是 UTF-8：字节 {byte}", "请另存为 UTF-8 编码（当前可能是 GBK 或 UTF-16）",
    ),
    "FCB104": ("此处不允许出现字符 {character}", "请删除该字符"),
    "FCB105": ("嵌套超过 {limit} 层", "请减少嵌套层级"),
    "FCB106": ("展开别名和变量后，值的数量超过 {limit} 个", "如此膨胀的文件会被视为攻击"),
    "FCB107": (
        "键 '{key}' 重复，首次出现在第 {line} 行第 {column} 列", "请删除其中一个",
    ),
    "FCB108": ("从这里开始是第二个 YAML 文档", "一个文件只能包含一个文档，请在 '---' 处拆分"),
    "FCB109": ("此处不能使用制表符（Tab）", "请只用空格缩进"),
    "FCB110": ("标签 {tag} 未知，或与值的类型不符", "以感叹号开头的文本需要加引号"),
    "FCB111": (
        "模板尚未渲染：{names}",
        "这是应用模板，请指定参数值（例如 {example}），或在同目录的 publish.yaml 中提供默认值",
    ),
    "FCB112": ("锚点 &{anchor} 中包含指向自身的别名", "请直接写出值，不要使用别名"),
    "FCB113": ("前面没有定义锚点 &{anchor}", "以星号开头的文本需要加引号"),
    "FCB114": ("键必须是文本，不能是映射或列表", "如果它是文本，请加引号"),
    "FCB115": ("文件为空", "`fcbox init` 可以生成一个小项目"),
    "FCB116": ("<< 的值必须是映射或由映射组成的列表", "例如 <<: *name"),
    "FCB117": ("%TAG 指令超过 {limit} 行", "请删除这些行，s.yaml 不需要它们"),
    "FCB118": ("无法读取 {file}", "它必须是可读的普通文件"),
    "FCB119": ("问题超过 {limit} 个，其余内容未检查", "请先修复以上问题"),
    "FCB120": ("{statement} 是模板语句，无法填充", "请用 `s init` 渲染应用，或直接写出结果"),
    "FCB121": ("占位符已用 {file} 中的默认值填充：{values}", ""),
    "FCB122": ("--set {name}：文件中没有这个占位符", "{advice}"),
    "FCB130": (
        "合并冲突标记：git 未能合并此文件",
        "请保留两个版本中的一个，并删除以 <<<<<<<、======= 和 >>>>>>> 开头的行",
    ),
    "FCB131": ("此处出现全角字符 {character}，YAML 需要 {meant}", "{advice}"),
    "FCB132": ("{character}看起来像空格，但不是空格", "请改用普通的半角空格"),
    "FCB133": ("引号会成为文本 {text} 的一部分", "YAML 只识别半角引号 \" 和 '"),
    "FCB134": ("这里是一段文本，不是映射或列表：{problem}", "{advice}"),
    # --- variables
    "FCB201": ("找不到 {what}", "{advice}"),
    "FCB202": ("变量循环引用：{cycle}", "请在其中一处直接写出值"),
    "FCB203": (
        "找不到 env('{name}')",
        "请在环境变量或 .env 文件中设置 {name}，或提供默认值：${{env('{name}', 'default')}}",
    ),
    "FCB204": ("暂不支持 {what}：{reason}", "请直接写出值，或从环境变量中获取"),
    "FCB205": ("${{...}} 表达式无效：{problem}", "{advice}"),
    "FCB206": ("{what} 是映射或列表，不能拼接到文本中", "请将它作为完整的值使用"),
    "FCB207": ("无法取值：{problem}", "{advice}"),
    "FCB208": (
        "{what} 在部署之后才有值，此处保持原样",
        "${{env('NAME', 'default')}} 可以为它提供一个值",
    ),
    "FCB209": (
        "账号 ID 未知，config('AccountID') 取值为 {account_id}",
        "请在本文件中设置 fcbox.accountId",
    ),
    "FCB210": ("值与变量的嵌套超过 {limit} 层", "请减少映射、列表和变量的嵌套层级"),
    "FCB211": ("未知的内置函数 {name}()", "{advice}"),
    # --- the file and its keys
    "FCB300": ("文件的顶层必须是映射", "顶层包含 edition 和 resources 等键，从第一列开始书写"),
    "FCB301": (
        "edition 的值不正确（{found}），必须是文本 3.0.0",
        "请写为 `edition: 3.0.0`，否则官方工具不会执行任何操作，也不会报错",
    ),
    "FCB302": (
        "组件 {component} 属于 FC 2.0，不能用在版本为 3.0.0 的文件中",
        "请写为 component: fc3，并按 FC 3.0 的格式书写 props",
    ),
    "FCB303": ("{key} 必须是{expected}", "{advice}"),
    "FCB304": ("没有可以运行的 Python 函数", "{advice}"),
    "FCB305": ("资源名称 '{name}' 中包含点号", "变量无法引用这样的资源"),
    "FCB306": ("未知的键 '{key}'", "{advice}"),
    "FCB307": (
        "fcbox 不会执行任何 Shell 命令，官方工具会执行：{what}", "请手动执行函数所需的命令",
    ),
    "FCB309": ("已跳过资源 '{name}'：组件 {component} 无法在本地运行", ""),
    "FCB310": (
        "组件 {component} 按 fc3 处理：它的 props 与函数一致",
        "如果它就是 fc3，请写为 component: fc3",
    ),
    "FCB311": ("资源 '{name}' 缺少 {key}", "{advice}"),
    "FCB312": ("{key} 的值不正确（{found}），应为：{expected}", ""),
    "FCB313": (
        "未设置 functionName，使用资源的键 '{name}' 作为函数名称", "请写明 functionName: {name}",
    ),
    "FCB314": ("在 fcbox 中不生效：{key}", ""),
    "FCB315": ("云端会忽略 3.0 文件中的 {key}，fcbox 将其视为 {meant}", "请写为 {meant}"),
    "FCB316": (
        "最小实例数 {least} 大于最大实例数 {most}",
        "最大实例数由 maxInstances 或 reservedConcurrency 设置",
    ),
    "FCB317": ("环境变量 {name} 的值是映射或列表", "它必须是文本"),
    "FCB318": ("'{name}' 不能作为环境变量的名称", "必须以字母开头，只能包含字母、数字和下划线"),
    "FCB319": (
        "只有自定义运行时才能用命令作为实例生命周期回调", "请写为 `handler: file.function`",
    ),
    "FCB320": (
        "两个资源的 functionName 都是 '{name}'，第一个是 '{first}'", "请修改其中一个函数的名称",
    ),
    "FCB321": ("没有名为 '{name}' 的模板", "{advice}"),
    "FCB322": ("环境变量 {name} 已忽略：以 FC_ 开头的名称由函数计算保留", "请换一个名称"),
    "FCB323": (
        "环境变量共 {size} 字节，最多允许 {limit} 字节", "名称和值都计算在内，按 UTF-8 编码计",
    ),
    # --- files of FC 2.0
    "FCB324": (
        "没有启动服务器的命令，代码中也没有 bootstrap",
        "请写 customRuntimeConfig: {{command: [...]}}，或放入可执行文件 bootstrap",
    ),
    "FCB325": ("一个回调只能有 handler 或 command 之一", "请去掉其中一个，云端也这样要求"),
    "FCB330": ("FC 2.0 文件：已在内存中转换", "`fcbox config convert` 可以写出 3.0 格式"),
    "FCB331": ("3.0 格式中不包含 {key}：{reason}", ""),
    "FCB332": (
        "3.0 格式中不包含资源 '{name}'：该服务没有函数",
        "{advice}",
    ),
    "FCB334": (
        "FC 2.0 的 HTTP 函数：请求处理程序的参数为 (environ, start_response)",
        "在 3.0 文件中参数为 (event, context)：写法见 `fcbox init --template http`",
    ),
    "FCB333": ("{key} 必须是映射，或指向本文件中映射的变量", "请将映射写在这里，或写在 `vars` 下"),
    # --- layers and mount points
    "FCB340": (
        "层 {name} 未映射到本地目录，函数运行时没有这个层",
        "请在 fcbox.mounts 下写明它所在的目录：{line}",
    ),
    "FCB341": (
        "挂载点 {name} 未映射到本地目录，函数运行时没有这个目录",
        "请在 fcbox.mounts 下指定一个目录：{line}",
    ),
    "FCB342": ("没有函数使用层或挂载点 '{name}'", "{advice}"),
    "FCB343": ("{name} 映射到 {path}，但该目录不存在", "{advice}"),
    "FCB344": ("mountDir '{target}' 不是绝对路径", "例如 /mnt/nas"),
    "FCB345": ("mountDir '{target}' 会遮盖 {what}，或位于其中", "例如 /mnt/nas"),
    "FCB346": (
        "ossMountConfig: auto 的挂载位置在部署之后才能确定，函数运行时没有该挂载",
        "请按官方工具显示的内容写明挂载点",
    ),
    "FCB347": ("两个挂载点的路径都是 {target}", "请为其中一个设置另一个 mountDir"),
    # --- the props of fc3, taken together
    "FCB350": (
        "cronExpression '{text}' 无效：{problem}",
        "例如 0 0 4 * * *（每天 UTC 时间 4:00）、CRON_TZ=Asia/Shanghai 0 0 4 * * * 或 @every 5m",
    ),
    "FCB351": ("两个触发器的名称都是 '{name}'", "第一个在第 {line} 行，请修改其中一个的名称"),
    "FCB352": (
        "云端不接受 {cpu} vCPU 搭配 {memory} MB 内存：每个 vCPU 需要 1 到 4 GB 内存",
        "memorySize 为 {memory} 时，cpu 必须在 {least} 到 {most} 之间",
    ),
    "FCB353": ("{trigger} 是定时触发器，但没有 cronExpression", "例如 @every 5m"),
    "FCB354": ("{trigger} 缺少 {key}，云端会拒绝", ""),
    "FCB355": ("未知的 triggerType '{kind}'", "{advice}"),
    "FCB356": (
        "FC 3.0 已没有 preFreeze 回调，云端会忽略它",
        "请在请求处理程序的末尾或 preStop 中完成这些操作",
    ),
    # --- the files of one application
    "FCB360": (
        "`extend` 的值不正确（{found}），应为另一个以 .yaml 或 .yml 结尾的文件",
        "引用本文件中的模板时，请写在资源下：`extend: {{name: ...}}`",
    ),
    "FCB361": (
        "`extend` 不能与环境同时使用", "官方工具也会拒绝：请去掉 --env 和 `env`，或去掉 `extend`",
    ),
    "FCB362": ("{file} 中没有环境 '{name}'", "{advice}"),
    "FCB363": ("基础文件中的 `extend` 不生效，与官方工具一致", ""),
    # --- files and props of another release, and of several regions
    "FCB364": (
        "`services` 是 FC 2.0 的写法，edition 为 3.0.0 的文件应使用 `resources`",
        "如果这是 FC 2.0 的文件，请写为 `edition: 1.0.0`，fcbox 会在内存中转换它",
    ),
    "FCB365": (
        "跳过资源 '{name}'：'{first}' 在另一个地域使用了相同的 functionName",
        "如需运行它，请指定 '{name}'",
    ),
    "FCB366": (
        "资源 '{name}' 的 props 中有映射 `function`，而 FC 3.0 直接在 props 中书写其中的配置",
        "请将其中的配置上移一层，并删除 `function`",
    ),
    "FCB367": (
        "nasConfig: auto 在 FC 2.0 中挂载到 /mnt/auto，在 3.0 中挂载到 /mnt/<functionName>",
        "请检查代码中的 /mnt/auto，或写出挂载点并设置 mountDir: /mnt/auto",
    ),
    "FCB368": ("环境中有针对 '{name}' 的 overlay，但本文件中没有它", "{advice}"),
    "FCB369": (
        "`services` 已忽略：edition 为 3.0.0 的文件应使用 `resources`",
        "请将其中的内容移到 `resources` 下，或删除它",
    ),
    "FCB370": ("文件 {file} 不存在", "{advice}"),
    # --- code and handlers
    "FCB401": ("code：目录 {path} 不存在", "路径相对于 s.yaml 所在的目录"),
    "FCB402": ("暂不支持{what}的 code", "请指定代码目录，或代码的 .zip 包"),
    "FCB403": ("请求处理程序 '{handler}' 的格式不是 file.function", "例如 index.handler"),
    "FCB404": ("请求处理程序 '{handler}'：文件 {file} 不存在", "{advice}"),
    "FCB405": ("请求处理程序 '{handler}'：{file} 中没有 {function}", "{advice}"),
    "FCB407": (
        "{file} 第 {line} 行不是有效的 Python {version} 语法",
        "请修改这一行；如果函数自己的 Python 更新并支持该语法，则没有问题",
    ),
    "FCB406": ("{file} 大于 {limit} KB，不检查其中是否有 {function}", ""),
    # --- archives of code
    "FCB410": ("code：压缩包 {path} 不存在", "请先构建压缩包，或指定用来制作它的目录"),
    "FCB411": ("{path} 不是 .zip 压缩包，或已损坏", "请重新制作压缩包"),
    "FCB412": (
        "{path}：成员 {detail} 的名称不是代码目录下的路径", "请在代码目录中重新制作压缩包",
    ),
    "FCB413": (
        "{path}：符号链接 {detail} 指向代码目录之外",
        "请打包它指向的内容（zip 不加 -y 选项即可）",
    ),
    "FCB414": ("{path}：成员 {detail} 已加密", "云端也无法解压"),
    "FCB415": (
        "{path} 的成员和目录超过 {most} 个，或符号链接超过 {links} 个", "请去掉代码用不到的文件",
    ),
    "FCB416": ("{path}：两个成员的路径都是 {detail}", "请重新制作压缩包，每个名称只出现一次"),
    "FCB417": (
        "{path}：成员 {detail} 的类型无法解压",
        "只接受文件、目录和符号链接，压缩方式为 stored 或 deflate",
    ),
    "FCB419": (
        "未检查 {path}：本文件的各个压缩包总共超过 {most} 个成员",
        "请去掉不属于代码的内容，或改用目录",
    ),
    "FCB418": ("{path} 解压后超过 {gb} GB", "请去掉代码用不到的文件"),
    # --- selection and interpreters
    "FCB501": ("没有名为 '{name}' 的函数或资源", "{advice}"),
    "FCB502": ("'{name}' 的运行环境是 {runtime}，这里不能运行", "{advice}"),
    "FCB503": ("已跳过资源 '{name}'：运行环境 {runtime} 不能在这里运行", ""),
    "FCB504": ("{problem}", ""),
    "FCB505": ("{problem}", "请用 --python 或 fcbox.python 指定另一个解释器"),
}  # fmt: skip
"""Code -> message and hint, with the fields of the English ones."""

//! Words that show a task, in English, German, French, Spanish, Italian, Portuguese and Dutch.
//!
//! Each is a lower-case stem: it matches where a word starts with it, and a trailing space closes it. `|` parts them.

use crate::request::Task;

/// A task's stems by weight: 3 names the task, 2 suggests it, 1 leans to it.
pub(super) struct Stems {
    pub(super) task: Task,
    pub(super) weight: u32,
    pub(super) words: &'static str,
}

const fn stems(task: Task, weight: u32, words: &'static str) -> Stems {
    Stems { task, weight, words }
}

pub(super) const STEMS: [Stems; 17] = [
    stems(
        Task::Summarize,
        3,
        "summar|summing up|tl;dr|tldr|zusammenfass|zusammengefasst|fasse |fass |résum|resume |\
         resumen|resumi|resuma|riassu|samenvat|synthétis|sintetiz|sum up",
    ),
    stems(
        Task::Summarize,
        2,
        "condense|shorten|digest|key points|key takeaways|main points|in a nutshell|gist|\
         kernaussage|kürze |wichtigsten punkte|points clés|puntos clave|abstract of",
    ),
    stems(Task::Extract, 3, "extract|extrahier|extrai|extrae|extray|estrai|extraheer|pull out|parse out"),
    stems(
        Task::Extract,
        2,
        "as json|in json|return json|json object|json array|find all|list all|finde alle|\
         liste alle|nenne alle|als json|en json|entities|entitäten|named entit|lies aus|\
         key-value|fields:|felder:|trouve tous|encuentra todos",
    ),
    stems(
        Task::Extract,
        1,
        "dates|names|amounts|e-mail address|email address|phone number|invoice number|json ",
    ),
    stems(
        Task::Classify,
        3,
        "classif|clasific|klassifizier|kategorisier|categori|catégoris|classer |classez |\
         einordnen|classificeer|sentiment|stimmung|spam or|positive or negative|\
         positiv oder negativ|positif ou négatif|positivo o negativo|true or false|yes or no",
    ),
    stems(
        Task::Classify,
        2,
        "which category|what category|which of the following|one of the following|one of these|\
         welche kategorie|welcher kategorie|quelle catégorie|qué categoría|ordne |triage|label |\
         assign a label|answer only with one|answer with one word|spam|route this|intent of",
    ),
    stems(Task::Classify, 1, "category|kategorie|catégorie|categoría|urgent or|label|tag "),
    stems(
        Task::Code,
        3,
        "refactor|debug|unit test|write a function|write a script|write a program|write code|\
         code review|fix this code|fix the bug|stack trace|traceback|compile error|regex for|\
         regular expression|sql query|schreibe eine funktion|schreib eine funktion|\
         schreibe ein skript|schreibe ein programm|écris une fonction|écris un script|\
         escribe una función|escribe un script|implement a|implement the|pull request",
    ),
    stems(
        Task::Code,
        2,
        "python|javascript|typescript|rust |golang|c++|bash |shell script|sql |java |html |css |\
         compile|implement|algorithm|implementier|programmier|implémente|function |api endpoint|\
         dockerfile|regex",
    ),
    stems(Task::Code, 1, "code|script|bug|funktion|fonction|función|class |loop|variable"),
    stems(
        Task::Analyze,
        3,
        "analy|analis|analiz|compare|vergleich|comparez|comparar|compara |evaluat|évalue|evalú|\
         bewerte|pros and cons|vor- und nachteile|avantages et inconvénients|\
         ventajas y desventajas|root cause|assess|trade-off|tradeoff|untersuche|interpret|\
         step by step",
    ),
    stems(
        Task::Analyze,
        2,
        "why |explain why|warum|wieso|weshalb|pourquoi|por qué|perché|waarom|trend|ursache|\
         implication|correlat|reasoning|argument|diagnos|critique|anomal|how likely|prove |\
         difference between|unterschied",
    ),
    stems(Task::Analyze, 1, "explain|erkläre|explique|explica|reason|impact|strateg|forecast|hypothes"),
    stems(
        Task::Chat,
        2,
        "hello|hi |hi!|hi,|hey |hallo|guten morgen|guten tag|bonjour|salut|hola|ciao|how are you|\
         wie geht|comment ça va|comment vas|qué tal|cómo estás|good morning|good evening|\
         thank you|thanks|danke|merci|gracias",
    ),
    stems(
        Task::Chat,
        1,
        "tell me about yourself|who are you|wer bist du|qui es|quién eres|let's talk|\
         chat with me|what do you think",
    ),
    stems(
        Task::General,
        3,
        "translate|übersetze|traduis|traduce|write an email|write a poem|write a story|\
         write a letter|write a blog|draft |rewrite|rephrase|brainstorm|suggest|\
         schreibe eine e-mail|schreibe ein gedicht|schreibe einen brief|formulier|écris un poème|\
         escribe un poema|continue the",
    ),
];

/// Pieces of text that only program code has, each worth 2.
pub(super) const CODE_MARKS: [&str; 22] = [
    "```",
    "def ",
    "fn ",
    "#include",
    "import ",
    "return ",
    "console.log",
    "public class",
    "public static",
    "=> {",
    "();",
    "){",
    ") {",
    "};",
    "</",
    "==",
    "!=",
    "&&",
    "select * from",
    "let ",
    "const ",
    "self.",
];

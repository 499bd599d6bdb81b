# What the real renderers show: reads a JSON list of texts, writes for each the HTML of both and what a reader sees of it.
# Redcarpet and Rails' sanitizer with the options that Writebook sets; cmark-gfm for GitHub.
require 'json'
require 'open3'
require 'redcarpet'
require 'rails-html-sanitizer'

class Application < Redcarpet::Render::HTML
  # as the application does it: nothing is escaped
  def image(link, _title, alt) = %(<img src="#{link}" alt="#{alt}">)
end

OPTIONS = { autolink: true, highlight: true, no_intra_emphasis: true, fenced_code_blocks: true, lax_spacing: true,
            strikethrough: true, tables: true }.freeze
MORE = %w[audio details summary iframe options table tbody td th thead tr video source mark].freeze
RULES = Rails::Html::PermitScrubber.new.tap { |rules| rules.tags = Rails::Html::WhiteListSanitizer.allowed_tags.to_a + MORE }
SAFE = defined?(Rails::Html::SafeListSanitizer) ? Rails::Html::SafeListSanitizer : Rails::Html::WhiteListSanitizer

STYLES = { 'em' => 'em', 'i' => 'em', 'strong' => 'strong', 'b' => 'strong', 'del' => 'del', 's' => 'del', 'strike' => 'del',
           'code' => 'code', 'mark' => 'mark', 'kbd' => 'kbd', 'sub' => 'sub', 'sup' => 'sup', 'u' => 'u', 'ins' => 'ins',
           'h1' => 'h1', 'h2' => 'h2', 'h3' => 'h3', 'h4' => 'h4', 'h5' => 'h5', 'h6' => 'h6' }.freeze
BLOCKS = %w[p div h1 h2 h3 h4 h5 h6 ul ol li blockquote table thead tbody tr th td pre hr details summary section center].freeze

# Words with their styles, and marks where lists, quotes, tables, code and images are.
class Reader
  attr_reader :seen

  def initialize
    @seen = []
    @gap = '|'
  end

  def read(node, styles = [])
    node.children.each do |child|
      if child.text? || child.cdata? then text(child.text, styles)
      elsif child.element? then element(child, styles)
      end
    end
    self
  end

  def element(node, styles)
    name = node.name
    block = BLOCKS.include?(name)
    @gap = '|' if block
    case name
    when 'br' then mark('br', '+')
    when 'img' then mark("img #{url(node['src'])} #{node['alt'].to_s.split.join(' ')} #{styles.sort}", '')
    when 'input' then mark(node.key?('checked') ? 'ticked' : 'box', '')
    when 'pre' then mark("pre #{node.text.sub(/\A\n/, '').sub(/\n+\z/, '')}")
    when 'hr' then mark('hr')
    else inside(node, name, styles)
    end
    @gap = '|' if block
  end

  def inside(node, name, styles)
    own = STYLES[name] ? [STYLES[name]] : []
    own = ["a #{url(node['href'])}"] if name == 'a' && node['href']
    mark(name + (name == 'ol' ? (node['start'] || 1).to_s : '')) if %w[ul ol li blockquote table tr].include?(name)
    mark("#{name} #{node['align'] || node['style'].to_s[/text-align: ?(\w+)/, 1]}") if %w[th td].include?(name)
    mark("note #{name}") if node['class'].to_s.include?('footnote')
    read(node, styles | own)
    mark("/#{name}") if %w[ul ol blockquote table].include?(name)
  end

  def mark(text, gap = '|')
    @seen << text
    @gap = gap
    @word = nil
  end

  def text(value, styles)
    value.split(/([ \t\r\n\f]+)/).each do |piece|
      next if piece.empty?

      if piece.match?(/\A[ \t\r\n\f]/)
        @gap = ' ' if @gap == ''
        @word = nil
        next
      end
      style = styles.uniq.sort.join(',')
      if @gap == '' && @word && @word[1] == style then @seen[-1] = "#{@seen[-1].delete_suffix(" {#{style}}")}#{piece} {#{style}}"
      else @seen << "#{@gap == '+' ? '' : @gap}#{piece} {#{style}}"
      end
      @word = [piece, style]
      @gap = ''
    end
  end

  def url(value)
    value.to_s.strip.b.gsub(/%([0-9A-Fa-f]{2})/n) { [Regexp.last_match(1)].pack('H2') }.force_encoding('UTF-8').scrub
  end
end

def seen(html) = Reader.new.read(Nokogiri::HTML.fragment(html, 'UTF-8')).seen.map { |one| one.dup.force_encoding('UTF-8').scrub }

answers = JSON.parse($stdin.read).map do |text|
  raw = Redcarpet::Markdown.new(Redcarpet::Render::HTML.new(filter_html: false), OPTIONS).render(text)
  writebook = Redcarpet::Markdown.new(Application.new(filter_html: false), OPTIONS).render(text)
  extensions = %w[table strikethrough autolink tasklist footnotes].flat_map { |name| ['-e', name] }
  github, = Open3.capture2('cmark-gfm', '--unsafe', *extensions, stdin_data: text)
  shown = SAFE.new.sanitize(writebook, scrubber: RULES)
  { raw:, writebook:, github: github.force_encoding('UTF-8'), seen: [seen(shown), seen(github)] }
end
puts JSON.generate(answers)
